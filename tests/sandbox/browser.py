"""A real browser for the tests of the sandbox's page: Chromium without a window, steered by Selenium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

T = TypeVar("T")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
PATIENCE = 15.0
"""Seconds to wait for what should be there in less than two: the page asks for news once a second."""

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    # Whatever else it may want to tell its makers, it does not find them.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

needs_browser = [
    pytest.mark.skipif(find_spec("selenium") is None, reason="needs Selenium: pip install selenium"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.skipif(CHROMEDRIVER is None, reason="needs chromedriver: apt-get install chromium-driver"),
]


@contextmanager
def open_browser(profile: Path, downloads: Path) -> Iterator[Chrome]:
    """Chromium with an empty profile, which saves what it downloads in *downloads*."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # With the driver named, Selenium does not look for one to download.
    driver = Chrome(options, Service(str(CHROMEDRIVER)))
    try:
        driver.set_page_load_timeout(PATIENCE)
        driver.set_script_timeout(PATIENCE)
        yield driver
    finally:
        driver.quit()


@attrs.frozen
class BrowserPage:
    """The sandbox's page in the browser. Everything waits until it is so, for a bounded time."""

    driver: Chrome
    root: str

    def open(self, fragment: str = "") -> None:
        """Load the page anew."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.root}{fragment}")
        self.until("the page has drawn itself", lambda: self.rows("integrations"))

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Make the window so many CSS pixels large, bright or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def until(self, what: str, check: Callable[[], T]) -> T:
        """Wait until *check* gives something that is true, and give it back."""
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        # The page draws its lists anew: an element just found may be gone.
        gone = (NoSuchElementException, StaleElementReferenceException)
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05, ignored_exceptions=gone)
        return wait.until(lambda _: check(), f"waited in vain until {what}")

    def script(self, source: str, *arguments: Any) -> Any:
        """What *source*, the body of a function in JavaScript, returns."""
        return self.driver.execute_script(source, *arguments)

    def rows(self, fragment: str) -> list[list[str]]:
        """The cells of a list, as a reader sees them."""
        rows: list[list[str]] = self.script(
            "return [...document.querySelectorAll(`[data-fragment$='/${arguments[0]}'] tbody tr`)]"
            ".map(row => [...row.cells].map(cell => cell.innerText.trim()))",
            fragment,
        )
        return rows

    def row(self, fragment: str, text: str) -> list[str]:
        """Wait for the row of a list in which *text* stands."""
        found = self.until(
            f"{text!r} stands in the {fragment}",
            lambda: next((row for row in self.rows(fragment) if any(text in cell for cell in row)), None),
        )
        assert found is not None
        return found

    def click(self, css: str, text: str = "") -> None:
        """Click the first visible element with this selector that has *text* in it."""

        def click() -> bool:
            for element in self.driver.find_elements("css selector", css):
                if element.is_displayed() and text in element.text:
                    element.click()
                    return True
            return False

        self.until(f"{css} with {text!r} can be clicked", click)

    def choose(self, label: str, option: str) -> None:
        """Choose *option* in the menu with this label."""
        from selenium.webdriver.support.ui import Select

        def choose() -> bool:
            Select(self.driver.find_element("css selector", f'[aria-label="{label}"]')).select_by_visible_text(option)
            return True

        self.until(f"{option!r} of {label!r} can be chosen", choose)

    def dialog(self) -> list[str]:
        """Wait for the bodies that the open dialog shows: of the request, of the answer."""
        source = "return [...document.querySelectorAll('dialog[open] pre')].map(each => each.innerText)"
        bodies: list[str] = self.until("the dialog shows bodies", lambda: self.script(source))
        return bodies

    def requested(self) -> list[str]:
        """The addresses of all that the browser has asked for since this was last called."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]  # type: ignore[no-untyped-call]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """The errors in the browser's console since this was last called."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]
