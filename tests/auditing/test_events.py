"""Reading the log: fields, filters, pages, search by person, statements; only auditors, and audited itself."""

from datetime import date

import pytest
from sqlalchemy import text

from catalog.stores import audit as store
from exchange.access import ACTIONS, ROLE_NAMES, Actor
from exchange.audit import record, request_digest
from exchange.auditing import events, statements
from exchange.auditing.chain import seal_pending
from exchange.auditing.events import Search
from exchange.auditing.subject_keys import hashes_of, masked
from lake.rows import RowCoder
from schemas.errors import Denied, IdentifierError, InputError, NotFound
from tests.auditing.conftest import AUDITOR, OFFICE, add
from tests.exchange.small_city import citizen_id

USCC = "11620400XX00A0048G"


def events_of(hub):
    """Reads the whole log."""
    with hub.transaction() as connection:
        return [each.event for each in store.read(connection)]


def test_an_event_has_every_field_of_the_standard(hub):
    """Session, address, case, grant, purpose and request are columns; the rest is filled by the use-case's frame."""
    columns = set(store.Event.__dataclass_fields__) | {"seq"}
    assert {
        "seq", "ts", "actor_id", "actor_name", "dept_code", "role", "session_id", "client_ip", "channel", "action",
        "object_type", "object_id", "entry_code", "items", "purpose_code", "grant_id", "case_no",
        "subject_key_hashes", "row_count", "result", "error_code", "duration_ms", "request_sm3",
    } <= columns  # fmt: skip
    actor = Actor("w", frozenset({"window"}), OFFICE, "api", session="abc123", address="10.1.2.3")
    facts = {"purpose_code": "basis", "grant_id": "SQ-1", "case_no": "办-1", "request_sm3": request_digest(hub, "a")}
    with hub.transaction() as connection:
        record(connection, hub, actor, "dataset.show", "person", **facts, detail={"n": 1})
    [found] = events_of(hub)
    assert (found.session_id, found.client_ip, found.case_no, found.grant_id) == ("abc123", "10.1.2.3", "办-1", "SQ-1")
    assert found.detail == {"use_case": "dataset.show", "n": 1} and len(found.request_sm3) == 64


def test_a_use_case_says_how_long_it_took(hub, auditor):
    """The duration is that of the use-case up to its event; without a use-case there is none."""
    events.list_events(hub, auditor)
    assert events_of(hub)[0].duration_ms >= 0


def test_only_auditors_read_the_log(hub):
    """Every other role, the machine's administrator too, is denied; the denial is recorded without the number."""
    for role in ROLE_NAMES:
        if role == "audit_admin":
            continue
        who = Actor(role, frozenset({role}), OFFICE)
        for act in (
            lambda who=who: events.list_events(hub, who),
            lambda who=who: events.show_event(hub, who, 1),
            lambda who=who: events.find_person(hub, who, citizen_id(1)),
            lambda who=who: statements.make_statement(hub, who, citizen_id(1), "个申1号"),
            lambda who=who: statements.list_statements(hub, who),
        ):
            with pytest.raises(Denied):
                act()
    denied = events_of(hub)
    assert len(denied) == 5 * (len(ROLE_NAMES) - 1) and {each.result for each in denied} == {"denied"}
    assert citizen_id(1) not in repr(denied)


def test_an_auditor_changes_nothing(hub):
    """The auditor's actions outside the log are reading: no approval, grant or configuration (三权分立)."""
    own = {name for name, action in ACTIONS.items() if "audit_admin" in action.roles}
    changing = {name for name in own if ACTIONS[name].event not in {"QUERY", "LOGIN", "EXPORT"}}
    assert {name.partition(".")[0] for name in changing} <= {"audit", "alert", "me", "task"}


@pytest.fixture
def busy(hub, clock):
    """Events of two clerks, datasets, results and days."""
    hashes = [*hashes_of(hub, citizen_id(1))]
    add(hub, 3, subject_key_hashes=hashes, case_no="办-1")
    clock.forward(days=1)
    add(hub, 2, actor_id="other", dept_code="11620400XX00C0014G", object_id="marriage", result="denied")
    add(hub, 1, object_id=None, detail={"datasets": ["person", "marriage"]}, action="EXPORT")
    clock.forward(days=1)
    add(hub, 2, subject_key_hashes=list(hashes_of(hub, citizen_id(2))), entry_code="307005/1")
    return hub


SEARCHES = [
    (Search(), [8, 7, 6, 5, 4, 3, 2, 1]),
    (Search(actor="other"), [5, 4]),
    (Search(department="11620400XX00C0014G"), [5, 4]),
    (Search(dataset="marriage"), [6, 5, 4]),
    (Search(dataset="307005/1"), [8, 7]),
    (Search(action="EXPORT"), [6]),
    (Search(result="denied"), [5, 4]),
    (Search(case_no="办-1"), [3, 2, 1]),
    (Search(since=date(2026, 11, 23)), [8, 7, 6, 5, 4]),
    (Search(until=date(2026, 11, 22)), [3, 2, 1]),
    (Search(since=date(2026, 11, 23), until=date(2026, 11, 23), actor="clerk"), [6]),
    (Search(actor="' or 1=1 --"), []),
]


def test_filters(busy, auditor):
    """Each filter finds its events, newest first."""
    for search, expected in SEARCHES:
        found = [each.seq for each in events.list_events(busy, auditor, search).events if each.seq <= 8]
        assert found == expected, search


def test_keyset_pages(busy, auditor):
    """Pages follow each other without loss, also while events come in."""
    seen, before = [], None
    while True:
        page = events.list_events(busy, auditor, Search(), before, 3)
        seen += [each.seq for each in page.events]
        before = page.next
        if before is None:
            break
    assert seen[-8:] == [8, 7, 6, 5, 4, 3, 2, 1] and len(seen) == len(set(seen))
    with pytest.raises(InputError, match="早于"):
        events.list_events(busy, auditor, Search(since=date(2026, 2, 1), until=date(2026, 1, 1)))


def test_search_by_person(busy, auditor):
    """A number finds the events with its hash and no other's; the search is an event that a later search finds."""
    found = events.find_person(busy, auditor, citizen_id(1))
    assert [each.seq for each in found.events] == [3, 2, 1]
    again = events.find_person(busy, auditor, "", ",".join(found.subjects))
    assert [each.title for each in again.events][:1] == ["按主体查询操作日志"]
    assert citizen_id(1) not in repr(events_of(busy))
    assert events.find_person(busy, auditor, citizen_id(3)).events == ()


def test_the_hash_is_the_one_that_look_ups_record(busy):
    """The log's key hash is the serving tables' subject hash, for persons and companies."""
    coder = RowCoder.__new__(RowCoder)
    coder._keys = busy.crypto.keys()
    assert hashes_of(busy, citizen_id(1))[0] == coder.lookup_hash("111", citizen_id(1)).hex()
    assert hashes_of(busy, USCC)[0] == coder.lookup_hash("001", USCC).hex()
    assert hashes_of(busy, USCC.lower()) == hashes_of(busy, USCC)


def test_the_search_uses_the_index(hub):
    """A search by person reads the index of key hashes, not the whole log."""
    with hub.transaction() as connection:
        connection.execute(text("set local enable_seqscan = off"))
        plan = connection.execute(
            text(
                "explain select seq from hub.audit_events where audit_events.subject_key_hashes <> '{}'::text[] "
                "and subject_key_hashes && array['ab']"
            )
        ).scalars()
        assert "ix_audit_events_subjects" in " ".join(plan)


def test_a_wrong_number_is_told_and_not_repeated(hub, auditor):
    """An invalid number is refused with the reason; a hash that no search made is refused too."""
    for key in ["", "123", "62040219600101985X", "张三", "1" * 18, "ab" * 40]:
        with pytest.raises(IdentifierError) as caught:
            events.find_person(hub, auditor, key)
        assert not key or key not in str(caught.value)
    with pytest.raises(InputError):
        events.find_person(hub, auditor, "", "' or 1=1 --")


def test_one_event_with_its_place(busy, auditor):
    """An event shows its link and batch once sealed; an unknown one is said to be unknown."""
    assert events.show_event(busy, auditor, 3).link is None
    seal_pending(busy)
    found = events.show_event(busy, auditor, 3)
    assert (found.link, found.batch, len(found.record_sm3)) == (3, 1, 64)
    with pytest.raises(NotFound):
        events.show_event(busy, auditor, 99_999)


def test_a_statement(busy, auditor):
    """It lists the accesses in order without staff's names or the number; its own number and code confirm it."""
    events.find_person(busy, auditor, citizen_id(1))
    made = statements.make_statement(busy, auditor, citizen_id(1), "个申〔2026〕12号")
    assert [line.event for line in made.lines] == [1, 2, 3]
    assert made.subject == citizen_id(1)[0] + "*" * 16 + citizen_id(1)[-1] == masked(citizen_id(1))
    assert "窗口一" not in repr(made) and citizen_id(1) not in repr(made)
    [issued] = statements.list_statements(busy, AUDITOR, made.number)
    assert (issued.code, issued.reference, issued.lines) == (made.code, "个申〔2026〕12号", 3)
    assert statements.list_statements(busy, AUDITOR, "CXZM-0") == []
    only = statements.make_statement(busy, auditor, citizen_id(1), "个申2号", since=date(2026, 11, 23))
    assert only.lines == () and only.code != made.code
    assert statements.make_statement(busy, auditor, USCC, "企申1号").subject == USCC


def test_a_statement_that_is_too_long_is_none(busy, auditor, monkeypatch):
    """It is refused, stands in the log as a failure, and its number confirms no paper."""
    monkeypatch.setattr(statements, "MOST", 2)
    with pytest.raises(InputError, match="超过 2 条"):
        statements.make_statement(busy, auditor, citizen_id(1), "个申〔2026〕13号")
    [made] = [each for each in events_of(busy) if each.detail.get("use_case") == "audit.statement"]
    assert (made.result, made.error_code) == ("failure", "STATEMENT_LONG")
    assert statements.list_statements(busy, AUDITOR, made.object_id) == []


def test_a_statement_needs_a_reference_that_is_no_number(hub, auditor):
    """Without a request there is no statement, and nobody writes a number into the log by way of the reference."""
    for reference in ["", "x", "<b>1</b>", "a" * 61, citizen_id(1), "申" + citizen_id(1)]:
        with pytest.raises(InputError):
            statements.make_statement(hub, auditor, citizen_id(1), reference)
    assert citizen_id(1) not in repr(events_of(hub))
