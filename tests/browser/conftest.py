"""A real browser (Debian's Chromium, by Playwright) on a portal that listens on loopback.

Without Chromium these tests skip and say so; on the build server (CI=true) they fail instead: `.ci/run` installs it.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from exchange.sessions import SECOND_FACTOR
from portal.app import create_app
from tests.exchange.conftest import clock, hub, no_gx, police, real_suite, settings  # noqa: F401
from tests.portal.conftest import PASSWORD, add_person, code_at

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WANTED = "a browser test needs {} ({}); .ci/run installs it on the build server"


def _need(what: str, how: str, *, there: bool) -> None:
    """Skips where something is missing; on the build server a missing browser is a failure, never a silent skip."""
    if there:
        return
    says = _WANTED.format(what, how)
    if os.environ.get("CI") == "true":  # noqa: TID251
        pytest.fail(says)
    pytest.skip(says)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    _need("Chromium", "apt-get install chromium fonts-noto-cjk", there=found is not None)
    with sync_playwright() as playwright:
        # Root has no user namespace of its own to sandbox a page in; every page here is ours.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=found, args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def axe_script() -> str:
    """The program of axe-core, as the package axe-playwright-python carries it."""
    _need("axe-core", "pip install axe-playwright-python", there=find_spec("axe_playwright_python") is not None)
    from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415

    return AXE_SCRIPT


def serve(hub) -> Iterator[str]:
    """Serves the portal of a hub on a free port of loopback; yields its address."""
    server = uvicorn.Server(uvicorn.Config(create_app(hub), port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def address(hub) -> Iterator[str]:
    """The portal's address."""
    yield from serve(hub)


class Person:
    """Somebody at a browser; counts what the hand does: clicks, choices, texts and files."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.did = 0
        self.typed: list[str] = []
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda said: self.troubles.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda asked: asked.accept())

    def go(self, path: str) -> None:
        """Opens a page, as a bookmark would."""
        self.page.goto(self.address + path)

    def click(self, words: str, *, within: str = "body") -> None:
        """Clicks the button or link that says exactly these words."""
        self.did += 1
        place = self.page.locator(within)
        found = place.get_by_role("button", name=words, exact=True).or_(place.get_by_role("link", name=words))
        found.first.click()
        self.page.wait_for_load_state()

    def write(self, label: str, text: str) -> None:
        """Types into the field of a label."""
        self.did += 1
        self.typed.append(text)
        self.page.get_by_label(label).first.fill(text)

    def choose(self, label: str, option: str) -> None:
        """Chooses an option by its words."""
        self.did += 1
        self.page.get_by_label(label).first.select_option(label=option)

    def hand_in(self, label: str, name: str, content: bytes) -> None:
        """Chooses a file."""
        self.did += 1
        self.page.get_by_label(label).first.set_input_files([{
            "name": name, "mimeType": "application/octet-stream", "buffer": content,
        }])  # fmt: skip

    def sees(self, *words: str) -> None:
        """Fails unless the page says all of these words."""
        text = self.page.locator("main").inner_text()
        missing = [each for each in words if each not in text]
        assert not missing, (missing, self.page.url, text[:4000])


@pytest.fixture
def at_work(browser, address, hub):
    """Makes an account of the given roles and returns the person, signed in through the sign-in page."""
    yield from people_at(browser, hub, address)


def people_at(browser, hub, address):
    """Makes people who are signed in; closes their browsers in the end."""
    contexts = []

    def begin(*roles: str, login: str, **values: object) -> Person:
        add_person(hub, login, *roles, **values)
        context = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900})
        context.set_default_timeout(15_000)
        contexts.append(context)
        person = Person(context.new_page(), address)
        sign_in(person, login, code_at(hub.clock.now()) if SECOND_FACTOR & set(roles) else "")
        return person

    yield begin
    for context in contexts:
        context.close()


def sign_in(person: Person, login: str, code: str = "", password: str = PASSWORD) -> None:
    """Signs in on the sign-in page."""
    person.go("/sign-in")
    person.page.get_by_label("登录名").fill(login)
    person.page.get_by_label("口令", exact=True).fill(password)
    if code:
        person.page.get_by_label("动态码").fill(code)
    person.page.get_by_role("button", name="登录", exact=True).click()
    person.page.wait_for_load_state()
