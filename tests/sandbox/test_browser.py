"""The page as people use it: clicked and looked at in a real browser, on a sandbox served over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio.from_thread import start_blocking_portal

from kombo_async import Success, ats
from kombo_async.errors import ConnectionFailed, Failure, RateLimited, ServerError
from kombo_async.sandbox import GREENHOUSE, Sandbox, serve
from tests.sandbox.browser import BrowserPage, needs_browser, open_browser
from tests.sandbox.served import Served, serve_in_thread
from tests.sandbox.test_recruiting import CV, job_id

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = needs_browser

SHOTS = os.environ.get("SANDBOX_SCREENSHOTS")
"""A folder for screenshots, for people to look at; else they go where pytest keeps its files."""
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
SIZES = {"wide": (1600, 1100), "desktop": (1400, 1100), "laptop": (1100, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the browser saves files."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory, downloads: Path) -> Iterator[Chrome]:
    """One browser for all tests here: it takes longer to start than they do."""
    with open_browser(tmp_path_factory.mktemp("profile"), downloads) as driver:
        yield driver


@pytest.fixture
def served(sandbox: Sandbox) -> Iterator[Served]:
    """The sandbox over HTTP."""
    with serve_in_thread(sandbox) as served:
        yield served


@pytest.fixture
def page(served: Served, chromium: Chrome) -> Iterator[BrowserPage]:
    """Its page, open."""
    page = BrowserPage(chromium, served.url.removesuffix("v1"))
    page.resize(*SIZES["desktop"])
    page.open()
    page.requested()
    page.complaints()
    yield page
    chromium.get("about:blank")  # or it would go on asking a server that is closing


def test_the_page_lists_integrations_with_their_states(served: Served, page: BrowserPage) -> None:
    """Integrations are listed with their customers and states."""
    shown = {row[0].partition("\n")[0].removesuffix("Copy").strip(): row for row in page.rows("integrations")}
    assert {id: row[1] for id, row in shown.items()} == {
        id: each.state for id, each in served.sandbox.integrations.items()
    }
    assert "Acme GmbH · ATS" in shown[GREENHOUSE][0]
    assert {"active", "sync pending", "inactive", "QA failed", "setup incomplete"} <= {row[1] for row in shown.values()}


def test_switching_a_state_is_seen_by_the_next_call(served: Served, page: BrowserPage) -> None:
    """Each state replaces the previous one, and the next call sees it."""

    def switch(option: str, state: str) -> Any:
        page.choose(f"State of {GREENHOUSE}", option)
        page.until(f"it is {state}", lambda: page.row("integrations", GREENHOUSE)[1] == state)
        return served.tags()

    for option, state, status, code in (
        ("sync pending (409)", "sync pending", 409, "INTEGRATION.SETUP_SYNC_PENDING"),
        ("inactive", "inactive", 403, "INTEGRATION.INACTIVE"),
        ("sync pending (503)", "sync pending", 503, None),
        ("setup incomplete", "setup incomplete", 409, "INTEGRATION.SETUP_INCOMPLETE"),
        ("QA failed", "QA failed", 409, "INTEGRATION.QA_FAILED"),
        ("credentials invalid", "credentials invalid", 400, "INTEGRATION.AUTHENTICATION_INVALID"),
    ):
        failure = switch(option, state)
        assert isinstance(failure, Failure)
        assert (failure.status_code, failure.code) == (status, code)
    assert isinstance(switch("active", "active"), Success)


def test_calls_appear_live_and_open_with_their_bodies(served: Served, page: BrowserPage) -> None:
    """Calls appear without a reload, and open by mouse and keyboard; long files in them are shortened."""
    page.script("window.sameDocument = true")
    cv = ats.AttachmentInput.from_bytes(CV, "cv.pdf", type="CV")
    created = served.create(attachments=[cv]).unwrap()
    served.sandbox.integrations[GREENHOUSE].active = False
    served.tags()
    refused, done = (page.row("requests", name) for name in ("GetAtsTags", "PostAtsCandidates"))
    assert refused[1:6] == [f"GET /ats/tags\n{GREENHOUSE}", "GetAtsTags", "403", "INTEGRATION.INACTIVE", ""]
    assert done[1:6] == [f"POST /ats/candidates\n{GREENHOUSE}", "PostAtsCandidates", "200", "", "yes"]
    (call,) = served.sandbox.requests("PostAtsCandidates")
    assert done[6] == f"{call.milliseconds:.1f}"
    assert page.script("return window.sameDocument") is True

    page.click("tr[data-open]", "PostAtsCandidates")
    request, answer = map(json.loads, page.dialog())
    assert request["candidate"] == call.body["candidate"]
    assert request["attachments"][0]["data"].endswith(f"({len(call.body['attachments'][0]['data']):,} characters)")
    assert answer["data"]["id"] == created.id
    page.click("button[data-close]")
    page.until("the dialog is closed", lambda: page.script("return !document.querySelector('dialog[open]')"))

    page.script("document.querySelector('tr[data-open]').focus()")
    page.driver.switch_to.active_element.send_keys("\n")
    (answer,) = map(json.loads, page.dialog())
    assert answer["error"]["code"] == "INTEGRATION.INACTIVE"


def test_the_log_url_of_a_failure_opens_its_call(served: Served, page: BrowserPage) -> None:
    """The `log_url` of a failure opens its call."""
    served.sandbox.integrations[GREENHOUSE].active = False
    log_url = served.tags().log_url
    assert log_url.startswith(page.root)
    page.open(log_url.removeprefix(page.root))
    assert json.loads(page.dialog()[0])["error"]["log_url"] == log_url


def test_candidates_are_shown_and_their_files_downloaded(served: Served, page: BrowserPage, downloads: Path) -> None:
    """Candidates of the chosen integration are shown with applications; files download byte for byte."""
    cv = ats.AttachmentInput.from_bytes(CV, "Lebenslauf für Frank.pdf", type="CV")
    served.create(attachments=[cv]).unwrap()
    name, email, application, file = page.row("records", "frank@example.com")
    assert name.startswith("Frank Doe\n")
    assert email == "frank@example.com"
    assert application.startswith(served.sandbox.world(GREENHOUSE).peek("ats_jobs", job_id(served.sandbox))["name"])  # type: ignore[index]
    assert application.endswith("pending")
    assert file == "Lebenslauf für Frank.pdf CV open"
    page.click("[data-fragment] a", "Lebenslauf")
    saved = downloads / "Lebenslauf für Frank.pdf"
    page.until("the file is saved", lambda: saved.exists() and not [*downloads.glob("*.crdownload")])
    assert saved.read_bytes() == CV

    other = next(id for id in served.sandbox.integrations if id.startswith("lever:"))
    page.choose("Integration", other)
    page.until("others are shown", lambda: all("Frank Doe" not in row[0] for row in page.rows("records")))
    assert page.rows("records")


@pytest.mark.parametrize(
    ("button", "failure", "status", "performed"),
    [
        ("Next call: 500", ServerError, 500, False),
        ("Next call: succeeds, but returns 500", ServerError, 500, True),
        ("Next call: HTML from a load balancer", ServerError, 502, False),
        ("Next call: connection reset", ConnectionFailed, None, False),
        ("Next call: rate limit", RateLimited, 429, False),
    ],
)
def test_a_fault_for_the_next_call(
    served: Served, page: BrowserPage, button: str, failure: type[Exception], status: int | None, performed: bool
) -> None:
    """The next call fails as the button says, and the one after it succeeds."""
    page.click("button", button)
    page.until("the fault is listed", lambda: page.rows("faults"))
    answer = served.tags()
    assert type(answer) is failure
    assert getattr(answer, "status_code", None) == status
    assert bool(served.sandbox.performed()) is performed
    assert isinstance(served.tags(), Success)
    page.until("it has struck", lambda: page.rows("faults")[0][2] == "1 of 1 times")


def test_faults_that_last_and_how_they_end(served: Served, page: BrowserPage) -> None:
    """All calls are slow until the fault is removed; one call in five fails until all are."""
    page.click("button", "All calls: 2 s slower")
    page.until("the fault is listed", lambda: page.rows("faults"))
    assert isinstance(served.tags(), Success)
    assert served.sandbox.requests()[-1].milliseconds >= 2_000
    page.click("[data-fragment] button", "Remove")
    page.until("it is gone", lambda: not page.rows("faults"))
    assert isinstance(served.tags(), Success)
    assert served.sandbox.requests()[-1].milliseconds < 2_000

    page.click("button", "One call in five")
    page.until("the fault is listed", lambda: page.rows("faults"))
    failed = [each for each in (served.tags() for _ in range(25)) if not isinstance(each, Success)]
    assert 1 <= len(failed) <= 12
    assert {(each.status_code, each.code) for each in failed} == {(503, "REMOTE.SERVICE_UNAVAILABLE")}
    page.click("button", "Next call: 500")
    page.click("button", "Remove all")
    page.until("all are gone", lambda: not page.rows("faults") and not len(served.sandbox.faults))


def test_nothing_is_fetched_from_elsewhere_and_nothing_goes_wrong(served: Served, page: BrowserPage) -> None:
    """The browser requests nothing from elsewhere, and its console stays empty."""
    served.create(attachments=[ats.AttachmentInput.from_bytes(b"x", "cv.pdf", type="CV")]).unwrap()
    page.open("#call-1")
    page.dialog()
    page.row("records", "Frank Doe")
    requested = page.requested()
    assert {f"{page.root}_sandbox/static/{name}" for name in ("page.js", "style.css")} <= set(requested)
    assert [url for url in requested if not url.startswith((page.root, "data:", "about:blank"))] == []
    assert page.complaints() == []


def test_no_html_of_people_is_run(served: Served, page: BrowserPage) -> None:
    """People's data is shown as text; even if it were not, the browser would refuse to run it."""
    served.sandbox.add_integration("lever:hostile", organization=HOSTILE)
    hostile = ats.CandidateInput(first_name=HOSTILE, last_name="Doe", email_address="eve@example.com")
    application = ats.CandidateApplicationInput(job_id=job_id(served.sandbox))
    file = ats.AttachmentInput.from_bytes(b"x", HOSTILE, type="CV")
    kombo = served.kombo.ats
    served.portal.call(
        lambda: kombo.create_candidate(candidate=hostile, application=application, attachments=[file])
    ).unwrap()
    served.portal.call(lambda: kombo.get_candidates(ids=[HOSTILE]))
    page.open("#call-1")
    assert json.loads(page.dialog()[0])["candidate"]["first_name"] == HOSTILE
    name, _, _, attachment = page.row("records", "eve@example.com")
    assert name.startswith(HOSTILE)
    assert attachment.startswith(f"{HOSTILE} CV")
    assert HOSTILE in page.row("integrations", "lever:hostile")[0]
    assert page.script("return document.querySelectorAll('img, iframe, script:not([src])').length") == 0
    refused = page.driver.execute_async_script(
        "const done = arguments[1];"
        "document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective), {once: true});"
        "document.body.insertAdjacentHTML('beforeend', arguments[0]);",
        HOSTILE,
    )
    assert refused == "script-src-attr"
    assert page.driver.title == "Kombo sandbox"


def test_the_page_says_when_the_sandbox_is_away_and_goes_on_after(sandbox: Sandbox, chromium: Chrome) -> None:
    """The page says when the sandbox is away, and resumes without a reload."""
    with start_blocking_portal("asyncio", {"use_uvloop": False}) as portal:
        with portal.wrap_async_context_manager(serve(sandbox)) as url:
            page = BrowserPage(chromium, url.removesuffix("v1"))
            page.open()
            trouble = chromium.find_element("id", "trouble")
            assert not trouble.is_displayed()
        page.until("it says so", trouble.is_displayed)
        port = int(url.rpartition(":")[2].removesuffix("/v1"))
        with portal.wrap_async_context_manager(serve(sandbox, port=port)):
            page.until("it goes on", lambda: not trouble.is_displayed())
            chromium.get("about:blank")


@pytest.mark.parametrize("size", SIZES)
def test_it_is_tidy_on_every_screen(served: Served, page: BrowserPage, tmp_path: Path, size: str) -> None:
    """Nothing overflows on any screen; screenshots are kept to look at."""
    served.create(attachments=[ats.AttachmentInput.from_bytes(CV, f"{'cv ' * 12}.pdf", type="CV")]).unwrap()
    served.portal.call(lambda: served.kombo.ats.get_candidates(ids=["x" * 24] * 8)).unwrap()
    served.sandbox.faults.add("PostAtsCandidates", status=500, code="PLATFORM.UNKNOWN_ERROR", after_performing=True)
    folder = Path(SHOTS) if SHOTS else tmp_path
    for name, fragment, dark in (("page", "", False), ("dark", "", True), ("call", "#call-1", False)):
        page.resize(*SIZES[size], dark=dark)
        page.open(fragment)
        page.row("requests", "PostAtsCandidates")
        page.row("records", "Frank Doe")
        page.row("faults", "after performing")
        if fragment:
            page.dialog()
        else:
            width, height = SIZES[size]
            page.resize(width, max(height, page.script("return document.documentElement.scrollHeight")), dark=dark)
        wide = page.script(
            "return [document.documentElement, ...document.querySelectorAll('section, .scroll, dialog[open], td')]"
            ".filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.outerHTML.slice(0, 200))"
        )
        assert wide == [], name
        shot = folder / f"{size}-{name}.png"
        assert page.driver.save_screenshot(str(shot))
        assert shot.stat().st_size > 10_000
