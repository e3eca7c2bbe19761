"""Kombo's official `@kombo-api/connect` in a real browser: it frames the sandbox's link and is told how it ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kombo_async.sandbox import Sandbox
from tests.sandbox.browser import needs_browser, open_browser
from tests.sandbox.official.environments import npm_folder
from tests.sandbox.served import Served, serve_in_thread

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [*needs_browser, pytest.mark.timeout(240)]

PAGE = b"""<!doctype html><title>A product</title><script src="/connect.js"></script><script>
window.connect = link => KomboConnect.showKomboConnect(link).then(
  token => { window.ended = { token }; }, error => { window.ended = { error: error.name }; });
</script>"""


@contextmanager
def product() -> Iterator[str]:
    """A page of another origin than the sandbox's, with the official package on it."""
    package = (npm_folder() / "node_modules/@kombo-api/connect/dist/index.js").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = package if self.path == "/connect.js" else PAGE
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if self.path == "/connect.js" else "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def served() -> Iterator[Served]:
    with serve_in_thread(Sandbox()) as served:
        yield served


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with product() as url, open_browser(tmp_path / "profile", tmp_path) as driver:
        driver.get(url)
        yield driver


def follow(served: Served, browser: Chrome, button: str) -> Any:
    """Open a link by the package, press *button* in the frame, and give what the framing page was told."""
    from selenium.webdriver.support.ui import WebDriverWait

    link = served.portal.call(
        lambda: served.kombo.connect.create_connection_link(
            end_user_email="a@b.de", end_user_organization_name="B", integration_category="ATS", link_type="EMBEDDED"
        )
    ).unwrap()
    browser.execute_script("window.connect(arguments[0])", link.link)
    wait = WebDriverWait(browser, 15)
    wait.until(lambda driver: driver.find_elements("tag name", "iframe"))
    browser.switch_to.frame(0)
    wait.until(lambda driver: [each for each in driver.find_elements("tag name", "button") if each.text == button])
    next(each for each in browser.find_elements("tag name", "button") if each.text == button).click()
    browser.switch_to.default_content()
    return wait.until(lambda driver: driver.execute_script("return window.ended"))


def test_a_connection_gives_its_token(served: Served, browser: Chrome) -> None:
    """A connection gives a token, which the server looks up and activates."""
    ended = follow(served, browser, "Connect")
    found = served.portal.call(lambda: served.kombo.connect.get_integration_by_token(ended["token"])).unwrap()
    activated = served.portal.call(lambda: served.kombo.connect.activate_integration(token=ended["token"])).unwrap()
    assert found.id == activated.id
    assert found.id in served.sandbox.integrations
    assert browser.find_elements("tag name", "iframe") == []


def test_closing_is_told(served: Served, browser: Chrome) -> None:
    """Closing the window is reported as the package's own error."""
    assert follow(served, browser, "Close") == {"error": "KomboConnectCancelledError"}
