"""Waivers: proposed by the provider, decided by another, held to in later runs, ended by their date."""

from datetime import date

import pytest
from sqlalchemy import text

from catalog.stores import problems as store
from exchange import entries, sync, tasks, waivers
from exchange.access import Actor
from lake.table import LakeTable
from schemas.errors import Denied, InputError, NotFound, StateError
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, person, write_csv

EDITOR = Actor("bian", frozenset({"editor"}), PROVIDER, "portal")
OTHER = Actor("bie", frozenset({"editor", "inspector"}), "11620400XX00C0014G", "portal")
AUTHORITY = Actor("guan", frozenset({"data_admin"}), PROVIDER, "portal")
REASON = "历史数据，当事人已无法核实"
UNTIL = date(2026, 11, 30)


@pytest.fixture
def source(hub, admin, tmp_path):
    """A register of 40 people in a file, two of them with wrong sex codes, one of these with a wrong date too."""
    path = tmp_path / "people.csv"
    rows = [person(200) | {"xb": "7"}, person(201) | {"xb": "7", "csrq": "2020-13-01"}]
    write_csv(path, [*people(40), *rows])
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    assert sync.run(hub, admin, "person").state == "published"
    return path


def problems_of(hub):
    """Lists the open problems by key hash and code."""
    with hub.transaction() as connection:
        keys = store.open_keys(connection, "person")
        return sorted(store.of_keys(connection, "person", keys), key=lambda p: (p.key_hash, p.code))


def only_sex(hub):
    """The problem of the row whose only fault is its sex code."""
    found = problems_of(hub)
    keys = [each.key_hash for each in found]
    return next(each for each in found if keys.count(each.key_hash) == 1)


def granted(hub, problem, until=UNTIL):
    """A waiver for a problem, proposed and granted."""
    made = waivers.propose(hub, EDITOR, problem.id, REASON, until)
    return waivers.decide(hub, AUTHORITY, made.id, "情况属实", grant=True)


def test_a_waived_row_is_accepted_with_its_finding_until_the_date(hub, admin, source, clock):
    """While the waiver holds the row is published and flagged; afterwards it is a problem again."""
    problem = only_sex(hub)
    made = granted(hub, problem)
    assert (made.state, made.decided_by) == ("granted", "guan")
    clock.forward(days=1)
    run = sync.run(hub, admin, "person")
    assert (run.accepted, run.quarantined, run.inserted) == (41, 1, 1)
    assert run.findings["CODE_UNKNOWN"] == 2
    assert all(each.key_hash != problem.key_hash for each in problems_of(hub))
    assert flags_of(hub, problem.key_hash) == ["CODE_UNKNOWN:sex_code"]
    clock.forward(days=8)
    run = sync.run(hub, admin, "person")
    assert (run.quarantined, run.kept) == (2, 1)
    assert [each.state for each in waivers.list_waivers(hub, EDITOR)] == ["ended"]


def flags_of(hub, key_hash):
    """Reads the flags of a published row from the lake."""
    table = LakeTable(hub.settings.lake_root, "person")
    rows = [row for batch in table.read(columns=["key_hash", "flags"]) for row in batch.to_pylist()]
    return next(each["flags"] for each in rows if each["key_hash"] == key_hash)


def test_a_row_with_another_error_stays_out(hub, admin, source, clock):
    """Of a row with two errors one may be waived: the row stays rejected, the waived problem closes."""
    both = [each for each in problems_of(hub) if each.key_hash != only_sex(hub).key_hash]
    sex = next(each for each in both if each.code == "CODE_UNKNOWN")
    granted(hub, sex)
    clock.forward(days=1)
    assert sync.run(hub, admin, "person").quarantined == 2
    left = {(each.key_hash, each.code) for each in problems_of(hub)}
    assert (sex.key_hash, "DATE_FORMAT") in left and (sex.key_hash, "CODE_UNKNOWN") not in left


def test_a_waiver_is_for_its_row_rule_and_item_alone(hub, admin, source, clock):
    """The same fault in another row, or another fault of the same row, is not waived."""
    granted(hub, only_sex(hub))
    clock.forward(days=1)
    write_csv(source, [*people(40), person(200) | {"csrq": "x"}, person(300) | {"xb": "7"}])
    run = sync.run(hub, admin, "person")
    assert run.quarantined == 2


def test_a_waiver_settles_no_conflict(hub, admin, source, clock):
    """A waived row of which there are two different ones is a conflict still."""
    problem = only_sex(hub)
    granted(hub, problem)
    clock.forward(days=1)
    write_csv(source, [*people(40), person(200) | {"xb": "7"}, person(200) | {"xb": "7", "xm": "李四"}])
    run = sync.run(hub, admin, "person")
    assert (run.conflicts, run.quarantined) == (2, 2)
    assert [(each.code, each.key_hash) for each in problems_of(hub)] == [("KEY_CONFLICT", problem.key_hash)]
    with pytest.raises(StateError) as caught:
        waivers.propose(hub, EDITOR, problems_of(hub)[0].id, REASON, UNTIL)
    assert caught.value.code == "WAIVER_RULE"


def test_who_may_propose_and_decide(hub, admin, source):
    """Only the provider proposes, only another person decides, only once; each refusal changes nothing."""
    problem = only_sex(hub)
    for actor in (OTHER, AUTHORITY, Actor("d", frozenset({"dept_admin"}), PROVIDER)):
        with pytest.raises(Denied):
            waivers.propose(hub, actor, problem.id, REASON, UNTIL)
    made = waivers.propose(hub, EDITOR, problem.id, REASON, UNTIL)
    assert made.state == "proposed" and made.mine and len(made.row_mark) == 8
    own = Actor("bian", frozenset({"data_admin"}), PROVIDER, "portal")
    with pytest.raises(Denied) as caught:
        waivers.decide(hub, own, made.id, "同意豁免", grant=True)
    assert caught.value.code == "OWN_PROPOSAL"
    with pytest.raises(Denied):
        waivers.decide(hub, EDITOR, made.id, "同意豁免", grant=True)
    with pytest.raises(StateError, match="已提出"):
        waivers.propose(hub, EDITOR, problem.id, REASON, UNTIL)
    assert waivers.decide(hub, AUTHORITY, made.id, "理由不充分", grant=False).state == "refused"
    with pytest.raises(StateError):
        waivers.decide(hub, AUTHORITY, made.id, "再次同意", grant=True)
    assert waivers.propose(hub, EDITOR, problem.id, REASON, UNTIL).state == "proposed"
    assert waivers.list_waivers(hub, Actor("x", frozenset({"editor"}), OTHER.department)) == []


def test_a_refused_waiver_does_not_hold(hub, admin, source, clock):
    """What waits or was refused frees no row."""
    made = waivers.propose(hub, EDITOR, only_sex(hub).id, REASON, UNTIL)
    clock.forward(days=1)
    assert sync.run(hub, admin, "person").quarantined == 2
    waivers.decide(hub, AUTHORITY, made.id, "理由不充分", grant=False)
    assert sync.run(hub, admin, "person").quarantined == 2


@pytest.mark.parametrize(
    ("reason", "until", "code"),
    [
        ("", UNTIL, "WORDS"),
        ("x" * 501, UNTIL, "WORDS"),
        ("本人 620402196001019855 无法核实", UNTIL, "PERSONAL_IN_TEXT"),
        ("电话 13800138000 无法接通", UNTIL, "PERSONAL_IN_TEXT"),
        (REASON, date(2026, 11, 21), "WAIVER_UNTIL"),
        (REASON, date(2027, 11, 24), "WAIVER_UNTIL"),
    ],
)
def test_bad_input_is_refused_in_plain_words(hub, source, reason, until, code):
    """A waiver needs a reason without personal data and a day within a year."""
    with pytest.raises(InputError) as caught:
        waivers.propose(hub, EDITOR, only_sex(hub).id, reason, until)
    assert caught.value.code == code and "620402196001019855" not in str(caught.value)


@pytest.mark.parametrize("number", [0, -1, 10**9, 2**63, 2**80])
def test_unknown_numbers_are_not_found(hub, number):
    """A number that no problem or waiver has is not found, whatever its size."""
    with pytest.raises(NotFound):
        waivers.propose(hub, EDITOR, number, REASON, UNTIL)
    with pytest.raises(NotFound):
        waivers.decide(hub, AUTHORITY, number, "情况属实", grant=True)


def test_a_proposal_waits_in_the_tasks_of_the_authority(hub, admin, source):
    """The data administrator finds the proposal among the tasks until it is decided."""
    made = waivers.propose(hub, EDITOR, only_sex(hub).id, REASON, UNTIL)
    assert [each.link for each in tasks.list_tasks(hub, admin)] == [f"/waivers#w{made.id}"]
    waivers.decide(hub, AUTHORITY, made.id, "情况属实", grant=True)
    assert tasks.list_tasks(hub, admin) == []
    with hub.transaction() as connection:
        said = connection.execute(text("select string_agg(detail::text, ' ') from hub.audit_events")).scalar_one()
    assert REASON not in said and person(200)["gmsfhm"] not in said


def test_waivers_reach_worker_processes(hub, admin, source, clock):
    """With two worker processes the waived row is accepted all the same."""
    granted(hub, only_sex(hub))
    clock.forward(days=1)
    write_csv(source, [*people(200), *people(2400, start=300), person(200) | {"xb": "7"}])
    object.__setattr__(hub, "settings", hub.settings.model_copy(update={"workers": 2}))
    run = sync.run(hub, admin, "person")
    assert (run.accepted, run.quarantined) == (2601, 0)
