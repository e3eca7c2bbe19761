"""The page as a tool: copying, searching, paging, records, webhooks, the clock, scenes and reset, in a real browser."""

from __future__ import annotations

from typing import Any

from kombo_async import Success
from kombo_async.errors import Failure
from kombo_async.sandbox import GREENHOUSE, default_id
from tests.sandbox.browser import BrowserPage, needs_browser
from tests.sandbox.served import Served

# The fixtures are those of the page's other tests.
from tests.sandbox.test_browser import chromium as chromium
from tests.sandbox.test_browser import downloads as downloads
from tests.sandbox.test_browser import page as page
from tests.sandbox.test_browser import served as served

pytestmark = needs_browser


def type_into(page: BrowserPage, label: str, text: str) -> None:
    """Write *text* into the input with this label, as a person would."""
    field = page.driver.find_element("css selector", f'[aria-label="{label}"]')
    field.clear()
    field.send_keys(text)


def test_everything_that_one_needs_can_be_copied(served: Served, page: BrowserPage) -> None:
    """The base URL, the key and integration IDs can be copied."""
    page.script("window.copied = []; navigator.clipboard.writeText = async text => { window.copied.push(text); }")
    for what in ("base URL", "API key", "integration ID"):
        page.click(f'[aria-label="Copy {what}"]')
        page.until("it says so", lambda: "Copied" in page.script("return document.body.innerText"))
    assert page.script("return window.copied") == [served.url, served.sandbox.api_key, GREENHOUSE]


def test_names_can_be_copied(served: Served, page: BrowserPage) -> None:
    """By a button where a record is open; in the list by marking them, which neither opens it nor is undone by news."""
    from selenium.webdriver import ActionChains

    served.create().unwrap()
    page.row("records", "frank@example.com")
    email = page.driver.find_element("xpath", "//td[contains(., 'frank@example.com')]")
    start = -email.size["width"] // 2 + 6
    ActionChains(page.driver).move_to_element_with_offset(email, start, 0).click_and_hold().move_by_offset(
        email.size["width"] // 2, 0
    ).release().perform()
    marked = page.script("return getSelection().toString()")
    assert marked
    assert marked in "frank@example.com"
    served.portal.call(lambda: served.sandbox.scenes.candidate_exists(email="later@example.com"))
    served.tags()
    page.row("requests", "GetAtsTags")
    assert page.script("return [getSelection().toString(), document.querySelectorAll('dialog[open]').length]") == [
        marked,
        0,
    ]
    page.script("getSelection().removeAllRanges()")
    page.script("window.copied = []; navigator.clipboard.writeText = async text => { window.copied.push(text); }")
    page.row("records", "later@example.com")
    page.click("[data-fragment$=records] tr[data-open]", "frank@example.com")
    for what in ("name", "e-mail address"):
        page.click(f'dialog [aria-label="Copy {what}"]')
    assert page.script("return window.copied") == ["Frank Doe", "frank@example.com"]


def test_the_request_log_is_counted_searched_filtered_and_paged(served: Served, page: BrowserPage) -> None:
    """The request log has fifty calls per page; filters count what passes."""

    def count() -> Any:
        return page.script("return document.querySelector('[data-fragment$=requests] .count').innerText")

    for _ in range(60):
        served.tags()
    served.sandbox.integrations[GREENHOUSE].active = False
    served.tags()
    page.until("all are counted", lambda: count() == "1 to 50 of 61 requests")
    page.click("[data-fragment$=requests] button", "Older")
    page.until("the older ones are shown", lambda: count() == "51 to 61 of 61 requests")
    assert len(page.rows("requests")) == 11
    page.choose("Status", "4xx")
    page.until("one is left", lambda: count() == "1 to 1 of 1 requests")
    assert page.rows("requests")[0][3] == "403"
    page.choose("Status", "any status")
    type_into(page, "Search requests", "inactive")
    page.until("it is found by its code", lambda: count() == "1 to 1 of 1 requests")
    type_into(page, "Search requests", "nothing like it")
    page.until("none is found", lambda: count() == "0 requests")


def test_records_of_every_model_can_be_searched_and_opened(served: Served, page: BrowserPage) -> None:
    """Records of every model can be searched by ID and text, and opened."""
    hris = default_id("workday")
    page.choose("Integration", hris)
    page.until(
        "its models are offered",
        lambda: "hris_locations" in page.script("return document.getElementById('model').innerText"),
    )
    page.choose("Model", "hris_locations")
    page.row("records", "Office")
    employee = served.sandbox.world(hris).table("hris_employees")[9]
    page.choose("Model", "hris_employees")
    type_into(page, "Search records", employee.id)
    page.until("it alone is found", lambda: len(page.rows("records")) == 1)
    page.script("document.querySelector('[data-fragment$=records] tr[data-open]').focus()")
    page.driver.switch_to.active_element.send_keys("\n")
    assert employee.data["work_email"] in page.dialog()[0]


def test_webhooks_are_added_shown_and_sent_again(served: Served, page: BrowserPage) -> None:
    """Webhooks can be added and sent again, and are shown with bodies and responses."""
    type_into(page, "URL for webhooks", "http://127.0.0.1:1/hook")
    page.click("form[data-form$=webhooks] button", "Add")
    page.until("it is there", lambda: [each.url for each in served.sandbox.webhooks.endpoints])
    served.portal.call(lambda: served.kombo.general.trigger_sync())
    row = page.row("webhooks", "sync-finished")
    assert row[2:4] == ["1", "no response"]
    page.click("[data-fragment$=webhooks] button", "Send again")
    page.until("it was sent again", lambda: served.sandbox.webhooks.deliveries[-1].attempts == 2)
    page.click("[data-fragment$=webhooks] tr[data-open]", "sync-finished")
    assert '"sync_state": "SUCCEEDED"' in page.dialog()[0]


def test_the_clock_scenes_and_reset(served: Served, page: BrowserPage) -> None:
    """A scene can be played, the clock ends it, and a reset undoes everything."""
    page.script("window.confirm = () => true")
    before = served.sandbox.clock.time()
    page.choose("Scene", next(
        f"{each['name']}: {each['about']}" for each in served.sandbox.scenes.describe() if each["name"] == "first-sync"
    ))  # fmt: skip
    page.click("form[data-form$='scenes/'] button", "Play")
    page.until("it plays", lambda: served.sandbox.integration(GREENHOUSE).sync.pending)
    assert isinstance(served.tags(), Failure)
    page.click("button", "+1 hour")
    page.until("the clock has moved", lambda: served.sandbox.clock.time() - before > 3_500)
    assert isinstance(served.tags(), Success)
    page.click("button", "Reset")
    page.until("all is as at first", lambda: served.sandbox.requests() == [])


def test_what_is_refused_is_said(served: Served, page: BrowserPage) -> None:
    """Refusals are shown on the page."""
    page.script("document.querySelector('[aria-label=\"URL for webhooks\"]').type = 'text'")
    type_into(page, "URL for webhooks", "ftp://x")
    page.click("form[data-form$=webhooks] button", "Add")
    page.until(
        "it says why", lambda: "http or https" in page.script("return document.getElementById('said').innerText")
    )
