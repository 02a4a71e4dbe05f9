"""A headless Chromium, driven by selenium, that reaches nothing but this machine."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gan.page.serve import server_of

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
SECONDS = 600


class Browser:
    """A window of the browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        driver.set_script_timeout(SECONDS)
        driver.set_page_load_timeout(SECONDS)

    @contextmanager
    def at(self, site: Path, address: str = "") -> Iterator[Browser]:
        """Serve a page, open it with what follows the #, and wait until it has drawn or says why not."""
        outer = dict(vars(self))  # a page that is open already, to which the next calls belong again
        self.site, self.port = site, 0
        self._serve()
        self.root = f"http://127.0.0.1:{self.port}/"
        try:
            self.go(address)
            yield self
            assert self.errors() == []
            self.driver.get("about:blank")
        finally:
            self.errors()
            self._end_serving()
            vars(self).update(outer)

    @contextmanager
    def without_a_host(self) -> Iterator[None]:
        """Nothing answers at the page's address."""
        self._end_serving()
        try:
            yield
        finally:
            self._serve()
            self.errors()  # what the browser says of the connection

    def _serve(self) -> None:
        self._server = server_of(self.site, self.port)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _end_serving(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def go(self, address: str) -> None:
        """Open the page afresh with what follows the #."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.root}{address}")
        self.settle()

    def ask(self, address: str) -> None:
        """Follow a link within the page to what follows the #."""
        self.driver.execute_script(
            "document.getElementById('grid').setAttribute('aria-busy', 'true');"
            "document.getElementById('error').textContent = '';"
            "document.getElementById('stage-text').textContent = '';"  # "Ready" of an earlier address
            "if (location.hash === `#${arguments[0]}`) dispatchEvent(new Event('hashchange'));"
            "else location.hash = arguments[0]",
            address,
        )
        self.settle()

    def settle(self) -> None:
        """Wait until the pictures that were asked for are drawn, or it is said why there are none."""
        self.wait(
            "return document.getElementById('grid').getAttribute('aria-busy') === 'false'"
            " || Boolean(document.getElementById('error').textContent)"
            " || document.getElementById('status').classList.contains('failed')"
            " || document.getElementById('stage-text').textContent.startsWith('Ready')"
        )

    def wait(self, script: str) -> None:
        """Wait until a script returns true."""
        end = time.monotonic() + SECONDS
        while not self.driver.execute_script(script):
            assert time.monotonic() < end, script
            time.sleep(0.1)

    def run(self, script: str, *arguments: object) -> Any:
        """What an asynchronous function of ``engine`` and ``given`` with that body returns."""
        answer = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1], given = [...arguments].slice(0, -1);"
            "(async () => { const { engine } = await import('./js/app.js');" + script + "})()"
            ".then((value) => done({ value }), (error) => done({ error: String(error.stack) }))",
            *arguments,
        )
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def text(self, element: str) -> str:
        """What an element says."""
        said: str = self.driver.execute_script("return document.getElementById(arguments[0]).textContent", element)
        return said.strip()

    def errors(self) -> list[str]:
        """What was logged as an error since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; where there is none the test is skipped."""
    selenium = pytest.importorskip("selenium", reason="the package selenium is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver_program = shutil.which("chromedriver")
    if program is None or driver_program is None:
        pytest.skip("Chromium and its driver are not here (Debian: chromium chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    assert selenium
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_program))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
