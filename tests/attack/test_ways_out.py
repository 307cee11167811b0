"""Canaries at every way out: no page, no answer of the API, no file, no command, no log gives what the grant does not.

The ways are taken from the code: a route or command of sharing that nothing here walks fails the test.
"""

import base64
import json
import logging
import re
from collections.abc import Callable
from contextlib import contextmanager, nullcontext

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from typer.testing import CliRunner

import cli.main
import cli.session
from exchange.actions import auditing, delivery, interfaces, keyed, keys, queries, sharing
from exchange.delivery import subscriptions, work
from exchange.delivery.subscriptions import NewSubscription
from exchange.hub import open_hub
from exchange.sessions import SECOND_FACTOR
from exchange.settings import Settings
from exchange.spreadsheets import as_workbook
from portal.app import create_app
from portal.routes import DECLARED
from tests.attack.city_hub import without_gx
from tests.attack.scanner import Scanner
from tests.attack.ways_out import (
    ABOUT,
    EVERYBODY,
    MAN,
    NOBODY,
    OTHER_MAN,
    OTHERS,
    PENSION,
    VALUES,
    WOMAN,
    Ear,
    fill,
    found_in,
    words_of,
)
from tests.cli.test_structure import ALL as COMMANDS
from tests.conftest import _fresh
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER
from tests.interfaces.conftest import provider, system  # noqa: F401 - fixtures used here
from tests.portal.conftest import PASSWORD, add_person, code_at
from tests.sharing.conftest import AUTHORITY, CONSUMER, OTHER, monday

#: Everything that sharing may do; what gives data is of these kinds.
ACTIONS = {n: a for m in (sharing, delivery, keyed, interfaces, queries, auditing, keys) for n, a in m.ACTIONS.items()}
GIVING = {"QUERY", "EXPORT", "API_CALL"}
ROLES = {
    "ana": ("analyst", CONSUMER), "win": ("window", CONSUMER), "rev": ("dept_reviewer", CONSUMER),
    "head": ("dept_admin", CONSUMER), "prov": ("dept_reviewer", PROVIDER),
    "edit": ("editor", PROVIDER), "chief": ("data_admin", AUTHORITY), "guard": ("security_admin", AUTHORITY),
    "insp": ("inspector", AUTHORITY), "aud": ("audit_admin", AUTHORITY),
    "far": ("analyst window dept_reviewer dept_admin editor", OTHER),
}  # fmt: skip
#: Parts of an address that stand for something of one department's: no other has an answer for it.
THEIRS = re.compile(r"\{(number|query_id|saved_id|job|client_id|prefix|subscription_id|file_id)\}")
WHY = {"purpose": "basis", "case_no": "BJ-2026-000123"}
FORMATS = ("csv", "json", "arrow", "parquet", "xlsx")
EVERYTHING = "SELECT * FROM register"
#: Commands that end in an error here, which is searched too.
REFUSED = {"query cancel"}
#: Commands that change something and show no data.
QUIET = {"dataset rollback", "delivery subscribe", "keys rotate", "keys reencrypt", "keys retire", "audit anchor",
         "audit archive", "audit protect", "interface allow", "interface test-due"}  # fmt: skip
NOUNS = ("query", "dataset", "delivery", "interface", "keys", "audit")


def lines(walk: "Walk") -> dict[str, list[str]]:
    """Returns the commands that show data, with arguments."""
    ana, folder = ["--login", "ana"], walk.folder
    asked = [EVERYTHING, *ana, "--purpose", "basis"]
    days = ["--from", "2026-11-01", "--to", "2026-11-30"]
    return {
        "query tables": ana, "query run": asked, "query download": [*asked, "-o", str(folder / "cli.csv")],
        "query fetch": [walk.met["to_fetch"], *ana, "-o", str(folder / "cli.parquet")], "query history": ana,
        "query cancel": [walk.met["query_id"], *ana], "query exports": ana, "dataset list": [],
        "dataset show": ["register"], "dataset versions": ["register"],
        "dataset lookup": ["register", MAN["gmsfhm"], "--login", "win", "--purpose", "basis", "--case", "BJ-2026-1"],
        "delivery list": [], "delivery show": [walk.met["subscription_id"]],
        "delivery run": [walk.met["subscription_id"]], "delivery keys": [],
        "delivery resend": [walk.met["subscription_id"], "--reason", "前置库重建"], "interface list": [],
        "keys status": [], "audit verify": [], "audit seal": [], "audit status": [],
        "audit export": [*days, "-o", str(folder / "log")],
    }  # fmt: skip


class Walk:
    """The city, its people signed in behind the ear, and what the walk has met so far."""

    def __init__(self, hub, folder, requests) -> None:
        self.hub, self.folder, self.requests = hub, folder, requests
        self.ear = Ear(create_app(hub))
        self.clients: dict[str, TestClient] = {}
        self.marks: dict[str, str] = {}
        self.met: dict[str, str] = {}
        self.strange: dict[tuple[str, str], int] = {}
        for login, (roles, department) in ROLES.items():
            add_person(hub, login, *roles.split(), department=department)
            self._sign_in(login, roles)

    def _sign_in(self, login: str, role: str) -> None:
        client = TestClient(self.ear, follow_redirects=False)
        code = code_at(self.hub.clock.now()) if role in SECOND_FACTOR else ""
        answer = client.post("/sign-in", data={"login": login, "password": PASSWORD, "code": code})
        assert answer.status_code == 303, answer.text
        self.clients[login] = client
        self.marks[login] = re.search(r'name="csrf" value="([^"]+)"', client.get("/me/password").text)[1]

    def get(self, who: str, path: str, good: tuple[int, ...] = (200,)):
        """Asks for a page."""
        answer = self.clients[who].get(path)
        assert answer.status_code in good, (path, answer.status_code, answer.text[:500])
        return answer

    def post(self, who: str, path: str, good: tuple[int, ...] = (200, 303), files=None, **fields):
        """Posts a form."""
        data = {**fields, "csrf": self.marks[who]}
        answer = self.clients[who].post(path, data=data, files=files)
        assert answer.status_code in good, (path, answer.status_code, answer.text[:500])
        return answer

    def api(self, who: str, path: str, good: tuple[int, ...] = (200,), **body):
        """Posts JSON."""
        answer = self.clients[who].post(f"/api/v1{path}", json=body, headers={"X-CSRF": self.marks[who]})
        assert answer.status_code in good, (path, answer.status_code, answer.text[:500])
        return answer

    @contextmanager
    def listening(self, scanner: Scanner):
        """Searches for other markers: names that are granted, a number that the asker gave, are no leak."""
        self.ear.scanner = scanner
        try:
            yield
        finally:
            self.ear.scanner = OTHERS


#: One walk, which every test looks at.
pytestmark = pytest.mark.xdist_group("ways-out")


@pytest.fixture(scope="module")
def walk(cluster, _template, tmp_path_factory, system):
    """A city of canaries with everything granted that can be, and its people."""
    folder = tmp_path_factory.mktemp("ways")
    with contextmanager(_fresh)(cluster, _template) as url, without_gx():
        chosen = Settings(var=folder / "var", database_url=url, workers=1, dags_file=folder / "dags.py")
        with open_hub(chosen, monday()) as hub:
            yield Walk(hub, folder, fill(hub, folder, *system))


def queries_and_exports(walk: Walk) -> None:
    """Page, API and files of each format; an export with its masked preview; error messages."""
    made = walk.post("ana", "/query", sql=EVERYTHING, purpose="basis")
    page = walk.get("ana", made.headers["location"] + "?label=town&value=sex_code").text
    assert "城内居民" in page and "金***" in page
    answer = walk.api("ana", "/queries", sql=EVERYTHING, purpose="basis").json()
    walk.met["query_id"] = query = answer["query"]["id"]
    for kind in FORMATS:
        file = walk.api("ana", "/query/download", sql=EVERYTHING, purpose="basis", format=kind)
        walk.met["export"] = file.headers["x-export"]
        asked = walk.post("ana", f"/query/{query}/export", kind=kind)
        walk.post("ana", asked.headers["location"] + "/file")
    counted = "SELECT town, count(*) AS n FROM register WHERE birth_date >= '1959-01-01' GROUP BY town"
    walk.api("ana", "/queries", (422,), sql=counted, purpose="basis")
    total = "SELECT count(*) AS n FROM register WHERE birth_date < '2000-01-01'"
    walk.api("ana", "/queries", sql=total, purpose="basis")
    again = walk.api("ana", f"/queries/{query}/export", kind="parquet").json()
    walk.api("ana", f"/query/exports/{again['number']}/file")
    with walk.listening(NOBODY):
        plain = walk.api("ana", "/queries", sql="SELECT name FROM open", purpose="basis").json()["query"]["id"]
        asked = walk.api("ana", f"/queries/{plain}/export", kind="xlsx", reason="年度统计分析").json()["number"]
    # The provider sees what its turn has come for: the consumer's own reviewer decides first.
    for who, status in (("rev", 200), ("ana", 200), ("prov", 404)):
        walk.get(who, f"/exports/{asked}", (status,))
    walk.get("rev", f"/api/v1/query/exports/{asked}")
    walk.api("rev", f"/query/exports/{asked}/agree", opinion="同意")
    walk.get("prov", f"/exports/{asked}")
    walk.post("prov", f"/exports/{asked}/agree", opinion="同意")
    with walk.listening(NOBODY):
        assert walk.api("ana", f"/query/exports/{asked}/file").content[:2] == b"PK"
    walk.met["to_fetch"] = walk.api("ana", f"/queries/{query}/export", kind="parquet").json()["number"]
    walk.api("ana", "/query/saved", name="常用", sql=EVERYTHING)
    for wrong, status in (("SELECT memo FROM register", 422), ("SELECT * FROM closed", 403),
                          ("SELECT CAST(town AS INT) FROM register", 422),
                          ("SELECT birth_date FROM register", 422)):  # fmt: skip
        walk.api("ana", "/queries", (status,), sql=wrong, purpose="basis")
        walk.post("ana", "/query", (200,), sql=wrong, purpose="basis")


def operations_by_key(walk: Walk) -> None:
    """Look-up, reuse, verify, compare, interest; the window's page; slips and their confirmation; an interface."""
    for number, person in enumerate((MAN, WOMAN)):
        wrong = {"name": "王五", "town": "别处", "birth_date": "1999-01-01"}
        body = {"key": person["gmsfhm"], "why": WHY}
        with_number = {"why": WHY, "keys": [{"key": person["gmsfhm"], "values": wrong}]}
        found = [walk.api("win", f"/keyed/register/{way}", **body).json() for way in ("lookup", "reuse")]
        assert [len(each["rows"]) for each in found] == [1 - number] * 2
        walk.api("win", "/keyed/register/lookup", (403,), items=["memo"], **body)
        walk.api("win", "/keyed/register/verify", values=wrong, **body)
        walk.api("win", "/keyed/register/verify", (403,), values={"memo": "x"}, **body)
        walk.api("ana", "/keyed/register/compare", **with_number)
        walk.api("ana", "/keyed/register/subscribe", keys=[person["gmsfhm"]], why=WHY)
        walk.api("ana", "/keyed/register/unsubscribe", keys=[person["gmsfhm"]], why=WHY)
        walk.api("win", "/keyed/closed/lookup", (403,), **body)
        with walk.listening(ABOUT[person["gmsfhm"]]):
            slips(walk, person, wrong)
    answer = walk.api("ana", f"/interfaces/{PENSION}/call", keys={"citizen_id": MAN["gmsfhm"]}, why=WHY).json()
    assert answer["rows"] and "name" in answer["rows"][0]


def slips(walk: Walk, person: dict[str, str], wrong: dict[str, str]) -> None:
    """A slip names the number and the values that the caller gave, and no other; the page at the window as well."""
    for values in ({}, wrong):
        made = walk.clients["win"].post(
            "/api/v1/slips/register", json={"key": person["gmsfhm"], "why": WHY, "values": values},
            headers={"X-CSRF": walk.marks["win"]},
        )  # fmt: skip
        assert made.status_code == 200, made.text
        slip = made.json()
        walk.api("win", f"/slips/{slip['number']}/reprint")
        walk.post("win", f"/slips/{slip['number']}/reprint")
        walk.get("far", f"/api/v1/slips/confirm?number={slip['number']}&code={slip['code']}")
        walk.post("far", "/slips/confirm", number=slip["number"], code=slip["code"])
        walk.met["slip"] = slip["number"]
    for act in ("lookup", "verify", "slip"):
        walk.post("win", "/window", dataset="register", key=person["gmsfhm"], purpose="basis", act=act,
                  case_no="BJ-2026-1", item=list(wrong), value=list(wrong.values()))  # fmt: skip


def workbooks(walk: Walk) -> None:
    """A workbook through one dataset and through two, by the API and by the page."""
    rows = [["", "王五", "别处"] for _ in EVERYBODY]
    book = as_workbook("名单", ["公民身份号码", "姓名", "住地"],
                       [[each["gmsfhm"], *row[1:]] for each, row in zip(EVERYBODY, rows, strict=True)])  # fmt: skip
    given = {"why": json.dumps(WHY), "csrf": walk.marks["win"]}
    for path in ("register", "register/with/second"):
        answer = walk.clients["win"].post(f"/api/v1/batches/{path}", data=given, files={"file": ("名单.xlsx", book)},
                                          headers={"X-CSRF": walk.marks["win"]})  # fmt: skip
        assert answer.status_code == 200, answer.text
        walk.met["job"] = job = answer.json()["id"]
        walk.ear.own[job] = VALUES
        assert "一致" in words_of(walk.get("win", f"/api/v1/batches/{job}/result").content)
    for other in ("", "second"):
        walk.post("win", "/batches", files={"file": ("名单.xlsx", book)}, dataset="register", other=other, **WHY)


def machines(walk: Walk) -> None:
    """A client is opened, consented to, and calls by key and by token."""
    new = {"name": "综窗系统", "use": "受理时核对身份信息", "ways": ["lookup", "verify"], "addresses": ["127.0.0.0/24"],
           "days": 90}  # fmt: skip
    client = walk.api("head", "/clients", new=new).json()["id"]
    walk.api("chief", f"/clients/{client}/consent")
    secret = walk.api("head", f"/clients/{client}/secrets", kind="key").json()
    walk.met |= {"client_id": client, "prefix": secret["prefix"]}
    oauth = walk.api("head", f"/clients/{client}/secrets", kind="oauth").json()
    web = TestClient(walk.ear, client=("127.0.0.1", 4000))
    asked = {"grant_type": "client_credentials", "client_id": client, "client_secret": oauth["secret"]}
    token = web.post("/api/v1/oauth/token", data=asked).json()["access_token"]
    why = WHY | {"handler": "李经办", "window": "三号"}
    for number, head in enumerate(({"X-API-Key": secret["secret"]}, {"Authorization": f"Bearer {token}"})):
        for way, more in (("lookup", {}), ("verify", {"values": {"name": "王五"}})):
            body = {"key": OTHER_MAN["gmsfhm"], "why": why | {"request_id": f"request-{way}-{number}"}} | more
            for _again in range(2):
                answer = web.post(f"/api/v1/keyed/register/{way}", json=body, headers=head)
                assert answer.status_code == 200, answer.text


def deliveries(walk: Walk) -> None:
    """A folder in both formats: every file is decoded; the pages of it."""
    grant = {each["dataset"]: each["number"] for each in walk.get("head", "/api/v1/sharing/grants").json()["items"]}
    for kind in ("parquet", "csv"):
        folder = walk.folder / f"out_{kind}"
        folder.mkdir()
        new = NewSubscription("register", grant["register"], CONSUMER, "folder", str(folder),
                              {"format": kind, "receipt": "none"})  # fmt: skip
        made = subscriptions.subscribe(walk.hub, ADMIN, new)
        assert work.run(walk.hub, ADMIN, made.id).rows == sum(each["xb"] == "1" for each in EVERYBODY)
        walk.met["subscription_id"] = made.id
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert len(files) > 1
        for path in files:
            walk.ear.leaks |= found_in(path.read_bytes(), str(path.relative_to(walk.folder)), NOBODY)


def attached(walk: Walk) -> None:
    """A draft with a file: pages and the file itself."""
    content = {"dataset": "closed", "terms": TERMS}
    number = walk.api("ana", "/sharing/requests", content=content).json()["number"]
    scan = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
    file = walk.api("ana", f"/sharing/requests/{number}/files", name="a.pdf", content=scan).json()["id"]
    walk.met |= {"draft": number, "file_id": str(file)}
    for kind in ("", ".json", ".csv", ".xlsx"):
        walk.get("ana", f"/sharing/requests/{number}/files/{file}{kind}")
    walk.api("ana", "/sharing/requests/check", content=content)


TERMS = {"items": [{"name": "town", "state": "plain"}], "rows": {}, "ways": ["query"], "purposes": ["basis"],
         "ends": "2027-11-01", "quota": {}}  # fmt: skip
STEPS: tuple[Callable[[Walk], None], ...] = (
    queries_and_exports, operations_by_key, workbooks, machines, deliveries, attached,
)  # fmt: skip


def filled(path: str, walk: Walk) -> str:
    """Fills a route's path with what the walk has met."""
    numbers = {"/exports": "export", "/slips": "slip"}
    number = next((walk.met[name] for part, name in numbers.items() if part in path), walk.requests["register"])
    known = {"dataset": "register", "other": "second", "number": number, "seq": "1"} | walk.met
    if "file_id" in path:
        known["number"] = walk.met["draft"]
    if "interfaces" in path:
        known["dataset"] = PENSION
    if "/sharing/new" in path:
        known["dataset"] = "closed"
    return re.sub(r"\{(\w+)(?::path)?\}", lambda name: known.get(name[1], "1"), path)


def sweep(walk: Walk) -> None:
    """Who may and who is of another department open every page and ask every question; he sends every command, too."""
    for (method, path), action in sorted(DECLARED.items()):
        if action not in ACTIONS:
            continue
        may = [who for who, (roles, _) in ROLES.items() if ACTIONS[action].roles & set(roles.split())]
        for who in dict.fromkeys(["far", *may[:1], *(may[-2:] if "." not in path else ["prov"])]):
            address = filled(path, walk)
            if method == "GET":
                answer = walk.clients[who].get(address, params=QUESTIONS.get(path))
            elif who == "far" and path.startswith("/api/"):
                answer = walk.api(who, address.removeprefix("/api/v1"), tuple(range(200, 500)))
            elif who == "far":
                answer = walk.post(who, address, tuple(range(200, 500)))
            if who == "far" and THEIRS.search(path):
                walk.strange[method, path] = answer.status_code


QUESTIONS = {"/api/v1/audit/export": {"since": "2026-11-01", "until": "2026-11-30"},
             "/api/v1/slips/confirm": {"number": "x", "code": "y"}}  # fmt: skip


def commands(walk: Walk) -> None:
    """Every command that shows data of sharing, as text and as JSON, at this hub."""
    hub, said = walk.hub, {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cli.session, "open_hub", lambda: nullcontext(hub))
        for name, arguments in lines(walk).items():
            done = CliRunner().invoke(cli.main.app, [*name.split(), *arguments], input=f"{PASSWORD}\n")
            assert (done.exit_code == 0) == (name not in REFUSED), (name, done.stdout, done.stderr, done.exception)
            said[name] = done.stdout + done.stderr
    for name, words in said.items():
        walk.ear.leaks |= found_in(words.encode(), name, OTHERS)
    assert "金***" in said["query run"]
    written = [*walk.folder.glob("cli*"), *(walk.folder / "log").iterdir()]
    assert len(written) > 4
    for path in written:
        walk.ear.leaks |= found_in(path.read_bytes(), path.name, OTHERS)


def the_rest(walk: Walk) -> None:
    """What needs its own body: searches of the log by its auditor, the form of a request, statements, checks."""
    walk.api("aud", "/audit/events/search", search={})
    walk.api("aud", "/audit/persons/search", key=MAN["gmsfhm"])
    walk.api("aud", "/audit/statements", key=MAN["gmsfhm"], reference="依申请公开〔2026〕1号")
    walk.post("aud", "/audit/person", key=MAN["gmsfhm"])
    walk.post("aud", "/audit/statements", key=MAN["gmsfhm"], reference="依申请公开〔2026〕2号")
    walk.post("aud", "/audit/verification")
    walk.api("aud", "/audit/seal")
    walk.get("aud", "/api/v1/audit/export?since=2026-11-01&until=2026-11-30")
    walk.post("aud", "/audit/export", since="2026-11-01", until="2026-11-30")
    walk.api("aud", "/alerts/find")
    walk.api("edit", "/interface-descriptions/check", text="{}")


STEPS += (sweep, commands, the_rest)


def test_nothing_that_is_not_granted_leaves_by_any_way(walk, caplog, capfd):
    """Rows outside of the filter, items that are not granted, hidden and unmasked values: in no answer and no file."""
    caplog.set_level(logging.DEBUG)
    for step in STEPS:
        step(walk)
    assert walk.ear.leaks == set()
    printed = capfd.readouterr()
    assert not found_in("\n".join([caplog.text, printed.out, printed.err]).encode(), "log", OTHERS)
    with walk.hub.transaction() as connection:
        log = [dict(row) for row in connection.execute(text("select * from hub.audit_events")).mappings()]
    assert len(log) > 100
    assert not found_in(json.dumps(log, default=str, ensure_ascii=False).encode(), "audit", OTHERS)


def test_every_way_of_the_code_was_walked(walk):
    """Each route of sharing was asked, and each that gives data has given some."""
    shared = {key: ACTIONS[action] for key, action in DECLARED.items() if action in ACTIONS}
    assert len(shared) > 200
    assert shared.keys() - walk.ear.answered.keys() == set()
    # A page may have no table that could be a file (404).
    giving = {key: {200, 303, 404 if "." in key[1] else 200} for key, a in shared.items() if a.event in GIVING}
    assert {key for key, good in giving.items() if not walk.ear.answered[key] & good} == set()
    assert {name for name in COMMANDS if name.split()[0] in NOUNS} == lines(walk).keys() | QUIET


def test_what_is_another_departments_is_not_there(walk):
    """Right identifiers in the wrong hands, with every business role: never an answer."""
    assert len(walk.strange) > 100
    assert {key: status for key, status in walk.strange.items() if not 400 <= status < 500} == {}
