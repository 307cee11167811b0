"""Every page in a real browser: axe-core finds nothing serious, no script fails, a phone shows it whole."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest

from exchange import connections, entries, orders, problems, sync, uploads, waivers
from exchange.access import Actor, local_administrator
from exchange.upload_files import upload_location
from tests.browser.conftest import Person
from tests.exchange.small_city import PROVIDER, contract, people, person, table_server, unattached
from tests.exchange.test_uploads import workbook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ADMIN = local_administrator()
EDITOR = Actor("police_editor", frozenset({"editor"}), PROVIDER, "portal")
DATA_ADMIN = Actor("authority", frozenset({"data_admin"}), PROVIDER, "portal")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
#: What an element is, without what it says.
PARTS = "all => [...new Set(all.map(e => [e.tagName, e.className, e.name, e.type, e.ariaLabel].join(' ')))]"
#: How many kinds of pages a role reaches at least.
LEAST = {
    "data_admin": 35, "editor": 25, "dept_reviewer": 15, "analyst": 8, "inspector": 12, "dept_admin": 10,
    "audit_admin": 3,
}  # fmt: skip
#: What axe-core calls moderate or minor is worth a look, never a failure.
_SERIOUS = {"serious", "critical"}


@pytest.fixture
def busy_hub(hub, police, clock):
    """A hub at work: problem rows, an order, a waiver, a held batch, an upload with faults, a draft."""
    connections.set_connection(hub, ADMIN, "police", police.url)
    entries.apply(hub, ADMIN, contract(server=table_server()), "person.yaml", publish=True)
    police.put([person(0) | {"xb": "7"}, person(1) | {"csrq": "1960-13-45"}, *people(60, start=2)])
    sync.run(hub, ADMIN, "person")
    clock.forward(days=1)
    police.put(people(10, start=50))
    sync.run(hub, ADMIN, "person", mode="snapshot")
    orders.send(hub, DATA_ADMIN, "person", "人口问题数据整改")
    row = problems.show_rows(hub, EDITOR, "person").rows[0]
    waivers.propose(hub, EDITOR, row.findings[0].problem, "源头无法更正", clock.now().date().replace(month=12, day=31))
    server = {"connector": "file", "location": upload_location("hands"), "format": "workbook", "mode": "snapshot"}
    entries.apply(hub, ADMIN, contract("hands", server=server), "hands.yaml", publish=True)
    uploads.check(hub, EDITOR, "hands", "人口.xlsx", workbook([person(3), person(4) | {"xb": "7"}]))
    entries.apply(hub, EDITOR, contract("draft_one", server=table_server()), "draft.yaml")
    entries.apply(hub, ADMIN, unattached("bare"), "bare.yaml", publish=True)
    return hub


def crawl(somebody: Person, most: int = 90) -> Iterator[str]:
    """Lists an address of each kind of page that links lead to, by the browser's own links."""
    waiting, seen, shapes = ["/"], {"/"}, {"/"}
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        yield address
        for path in links_of(somebody, address):
            if shape_of(path) not in shapes:
                shapes.add(shape_of(path))
                seen.add(path)
                waiting.append(path)


def links_of(somebody: Person, address: str) -> Iterator[str]:
    """Lists where the page that is open leads to within the portal, files aside."""
    for link in somebody.page.eval_on_selector_all("a[href]:not([download])", "all => all.map(a => a.href)"):
        parts = urlsplit(urljoin(somebody.address + address, link))
        if f"{parts.scheme}://{parts.netloc}" == somebody.address and not _is_file(parts.path):
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def shape_of(path: str) -> str:
    """Returns an address without its numbers: what pages of one kind have alike."""
    place, asked, _ = path.partition("?")
    return re.sub(r"(?<=/)[A-Za-z]{0,2}[0-9a-f]{10,}|[0-9]+T?[0-9]*-[0-9a-f]+|[0-9A-Z]{18}|\d+", "N", place) + asked


def _is_file(path: str) -> bool:
    ends = ("/odcs", "/scan", "/template", "/export", "/report", "/result", ".xlsx", ".csv", ".json", ".svg", "/qr")
    return path != "/audit/export" and (path.endswith(ends) or "/template/" in path)


def faults_of(somebody: Person, address: str, axe_script: str, known: set[str] | None = None) -> list[str]:
    """Looks at one page, wide and narrow; axe-core judges it unless all it is made of is `known` by now."""
    page, found = somebody.page, []
    answer = page.goto(somebody.address + address)
    if answer is None or answer.status != 200:
        return [f"{address}: {answer and answer.status}"]
    parts = {f"{shape_of(address)} {part}" for part in page.eval_on_selector_all("main *", PARTS)}
    if known is None or parts - known:
        page.evaluate(f"{axe_script};undefined")
        violations = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        serious = [each for each in violations if each["impact"] in _SERIOUS]
        found += [f"{address}: {each['id']} {each['nodes'][0]['html'][:160]}" for each in serious]
    if known is not None:
        known |= parts
    page.set_viewport_size(PHONE)
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append(f"{address}: scrolls sideways at {PHONE['width']} px")
    page.set_viewport_size(DESK)
    found += [f"{address}: {trouble}" for trouble in somebody.troubles]
    somebody.troubles.clear()
    return found


def test_no_page_is_hard_to_read(busy_hub, at_work, axe_script):
    """Each kind of page that a role can reach passes axe-core, fits a phone, and its scripts run without an error."""
    faults, known, few = [], set(), {}
    for role, least in LEAST.items():
        somebody = at_work(role, login=f"{role}_1")
        found = [faults_of(somebody, address, axe_script, known) for address in crawl(somebody)]
        faults += [f"{role} {each}" for page in found for each in page]
        if len(found) < least:
            few[role] = len(found)
    assert not faults, "\n".join(faults)
    assert not few


def test_doors_and_errors_are_readable_too(busy_hub, at_work, axe_script, browser, address):
    """The sign-in page, an error page and the API's page pass as well."""
    somebody = at_work("editor", login="editor_2")
    faults = faults_of(somebody, "/api/v1/docs", axe_script)
    context = browser.new_context(locale="zh-CN", viewport=DESK)
    stranger = Person(context.new_page(), address)
    faults += faults_of(stranger, "/sign-in", axe_script)
    context.close()
    somebody.go("/entries/nothing_here")
    assert somebody.page.locator("h1").inner_text() == "没有办成"
    assert not faults, "\n".join(faults)
