"""Open problems: one a bad row and rule; who sees which rows; what a held batch would change."""

import pytest
from sqlalchemy import text

from catalog.stores import audit as audit_store
from catalog.stores import problems as store
from exchange import connections, entries, sync
from exchange.access import Actor
from exchange.problem_rows import masked
from exchange.problems import comparison, list_problems, show_rows
from schemas.entry import Item
from schemas.errors import Denied, InputError, NotFound
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, person, table_server, write_csv

EDITOR = Actor("bian", frozenset({"editor"}), PROVIDER, "portal")
REVIEWER = Actor("shen", frozenset({"dept_reviewer"}), PROVIDER, "portal")
AUTHORITY = Actor("guan", frozenset({"data_admin"}), "11620400XX00Z0001G", "portal")
OTHER = Actor("bie", frozenset({"editor"}), "11620400XX00C0014G", "portal")
BAD = 3


def wrong(number, **cells):
    """The row of person `number` with wrong cells."""
    return person(number) | cells


@pytest.fixture
def source(hub, admin, tmp_path):
    """A register of 100 people in a file, three of them with a wrong sex code; synced once."""
    path = tmp_path / "people.csv"
    write_csv(path, people(97) + [wrong(200 + n, xb="7") for n in range(BAD)])
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    assert sync.run(hub, admin, "person").state == "published"
    return path


def open_count(hub):
    """Counts the open problems of all datasets."""
    with hub.transaction() as connection:
        return sum(each.rows for each in store.groups(connection, ["person"]))


def events(hub, action):
    """Lists the recorded events of a use-case."""
    with hub.transaction() as connection:
        found = audit_store.read(connection)
    return [each.event for each in found if each.event.detail.get("use_case") == action]


def test_thirty_nights_of_the_same_bad_rows_are_as_many_problems_as_bad_rows(hub, admin, source, clock):
    """The same 3 % bad rows every night stay three problems, seen thirty times."""
    for _ in range(29):
        clock.forward(days=1)
        assert sync.run(hub, admin, "person").state == "published"
    found = list_problems(hub, authority_of(hub))
    [group] = found.groups
    assert (group.rows, group.times, group.code, group.item_title) == (BAD, 30, "CODE_UNKNOWN", "性别代码")
    assert (group.last_seen - group.first_seen).days == 29
    assert (found.problems, found.rows) == (BAD, BAD) and len(found.runs) == 1


def authority_of(hub):
    """The data administrator, whose region holds the departments."""
    region = "insert into hub.regions (code, name, level) values ('620400', '示例市', 1) on conflict do nothing"
    with hub.transaction() as connection:
        connection.execute(text(region))
        connection.execute(text("update hub.departments set region_code = '620400'"))
    return AUTHORITY


def test_a_problem_closes_when_its_row_passes_or_leaves(hub, admin, source, clock):
    """One row is mended, one leaves the source, one gets another fault: two close, one gives way to a new problem."""
    clock.forward(days=1)
    write_csv(source, [*people(97), person(200), wrong(202, csrq="2020-13-01")])
    sync.run(hub, admin, "person")
    [group] = list_problems(hub, EDITOR).groups
    assert (group.code, group.rows, group.times) == ("DATE_FORMAT", 1, 1)


def test_the_provider_sees_rows_in_clear_with_faulty_cells(hub, source):
    """Editor and reviewer of the provider see what was received beside what was made of it."""
    for actor in (EDITOR, REVIEWER):
        page = show_rows(hub, actor, "person")
        assert (
            page.clear
            and not page.takes_files
            and "重新导出" in page.mended_where
            and len(page.rows) == BAD
            and not page.more
        )
        row = page.rows[0]
        cells = {cell.name: cell for cell in row.cells}
        assert cells["citizen_id"].received == person(200)["gmsfhm"] and not cells["citizen_id"].faulty
        assert (cells["sex_code"].received, cells["sex_code"].faulty) == ("7", True)
        assert cells["birth_date"].normalised == person(200)["csrq"]
        assert row.row > 97 and row.findings[0].code == "CODE_UNKNOWN" and row.findings[0].problem


def test_the_data_administrator_sees_masked_cells(hub, source):
    """No name, number or birth date of anybody is in what the administrator gets; rule and row number are."""
    page = show_rows(hub, authority_of(hub), "person", "CODE_UNKNOWN:sex_code")
    assert not page.clear and len(page.rows) == BAD
    for number in range(200, 200 + BAD):
        for column in ("gmsfhm", "xm", "csrq"):
            assert person(number)[column] not in repr(page.rows)
    assert page.rows[0].row > 97 and page.rows[0].findings[0].code == "CODE_UNKNOWN"


@pytest.mark.parametrize(
    "role", ["dept_admin", "inspector", "analyst", "window", "system_admin", "security_admin", "audit_admin"]
)
def test_all_others_see_no_row(hub, source, role):
    """Everybody else is refused the rows, in their own department too."""
    actor = Actor("someone", frozenset({role}), PROVIDER, "portal")
    with pytest.raises(Denied):
        show_rows(hub, actor, "person")
    if role in {"system_admin", "security_admin", "audit_admin"}:
        with pytest.raises(Denied):
            list_problems(hub, actor)
    else:
        assert list_problems(hub, actor).problems == BAD


def test_another_department_sees_neither_rows_nor_counts(hub, source):
    """An editor of another department is refused, also one with a wide reach; the refusal is an event."""
    wide = Actor("kuan", frozenset({"editor", "inspector"}), OTHER.department, "portal")
    for actor in (OTHER, wide):
        with pytest.raises(Denied) as caught:
            show_rows(hub, actor, "person")
        assert caught.value.code == "SCOPE"
    assert list_problems(hub, OTHER).groups == ()
    assert [each.result for each in events(hub, "problem.rows")] == ["denied", "denied"]


def test_each_showing_is_an_event_with_key_hashes_and_no_value(hub, source):
    """The event of a showing names the rows by their keyed hashes."""
    show_rows(hub, EDITOR, "person")
    [event] = events(hub, "problem.rows")
    assert event.row_count == BAD and len(set(event.subject_key_hashes)) == BAD
    assert all(len(each) == 64 for each in event.subject_key_hashes)
    assert person(200)["gmsfhm"] not in repr(event) and person(200)["xm"] not in repr(event)


def test_filters_and_pages(hub, admin, source, clock):
    """Rule, item and batch narrow; pages follow each other; a wrong batch or page is refused."""
    run = list_problems(hub, EDITOR).runs[0].run
    assert len(show_rows(hub, EDITOR, "person", within=run).rows) == BAD
    assert show_rows(hub, EDITOR, "person", rule="ID_CHECK").rows == ()
    assert show_rows(hub, EDITOR, "person", rule="CODE_UNKNOWN:birth_date").rows == ()
    assert list_problems(hub, EDITOR, "person", "ID_CHECK").groups == ()
    assert list_problems(hub, EDITOR, "person", "CODE_UNKNOWN", "no-such").groups == ()
    for bad in ("no-such-run", "person\0"):
        with pytest.raises(NotFound):
            show_rows(hub, EDITOR, "person", within=bad)
    with pytest.raises(NotFound):
        show_rows(hub, EDITOR, "nobody")
    with pytest.raises(InputError):
        show_rows(hub, EDITOR, "person", page=0)
    clock.forward(days=1)
    write_csv(source, people(1200) + [wrong(2000 + n, xb="7") for n in range(45)])
    assert sync.run(hub, admin, "person").state == "published"
    pages = [show_rows(hub, EDITOR, "person", page=n) for n in (1, 2, 3)]
    assert [len(each.rows) for each in pages] == [20, 20, 5] and [each.more for each in pages] == [True, True, False]
    assert len({row.row for page in pages for row in page.rows}) == 45


def test_rows_without_a_readable_key_are_shown_too(hub, admin, source, clock):
    """A row whose key is missing is no lasting problem, but the newest batch still shows it."""
    clock.forward(days=1)
    write_csv(source, [*people(97), wrong(200, gmsfhm="")])
    assert sync.run(hub, admin, "person").state == "published"
    assert open_count(hub) == 0
    [row] = show_rows(hub, EDITOR, "person").rows
    assert {found.code for found in row.findings} >= {"KEY_MISSING"} and row.findings[0].problem is None


def test_a_held_batch_is_compared_with_the_last_version(hub, admin, source, clock):
    """Row counts, null ratios, findings and changes of a held batch stand beside those of the last version."""
    clock.forward(days=1)
    write_csv(source, people(50) + [wrong(200 + n, xb="7") for n in range(BAD)] + [wrong(300, csrq="x")])
    run = sync.run(hub, admin, "person")
    assert run.state == "held"
    found = comparison(hub, EDITOR, run.run_id)
    figures = {each.name: (each.before, each.now) for each in found.counts}
    assert figures["rows"] == (97, 50) and figures["extracted"] == (100, 54) and figures["quarantined"] == (3, 4)
    assert (found.deleted, found.shrunk, found.last_version) == (47, True, 1)
    assert {each.name: each.change for each in found.findings} == {
        "CODE_UNKNOWN": 0,
        "DATE_FORMAT": 1,
        "ID_REGION_NOT_YET": -46,
    }
    assert [each.before for each in found.nulls] == [0.0] * 4
    with pytest.raises(Denied):
        comparison(hub, OTHER, run.run_id)
    with pytest.raises(NotFound):
        comparison(hub, EDITOR, "no-such")


def test_removed_quarantine_is_said(hub, admin, source):
    """A batch whose rows went with the retention rule is named instead of shown."""
    run = list_problems(hub, EDITOR).runs[0].run
    with hub.transaction() as connection:
        connection.execute(text("update hub.runs set quarantine_removed_at = now()"))
    page = show_rows(hub, EDITOR, "person")
    assert page.rows == () and page.removed == (run,)


def test_an_increment_closes_only_what_it_has_seen_again(hub, admin, police, clock):
    """Of two bad rows one comes again with another fault, then clean; the other one stays open, and both are shown."""
    connections.set_connection(hub, admin, "police", police.url)
    police.put([*people(40), wrong(200, xb="7"), wrong(201, xb="8")])
    text_ = contract(server=table_server("watermark"))
    entries.apply(hub, admin, text_, "person.yaml", publish=True)
    assert sync.run(hub, admin, "person").state == "published"
    assert open_count(hub) == 2
    clock.forward(hours=12)
    police.put([wrong(200, csrq="2020-13-01", gxsj="2026-11-22 03:00:00+00")])
    assert sync.run(hub, admin, "person").mode == "watermark"
    groups = {each.code: each.rows for each in list_problems(hub, EDITOR).groups}
    assert groups == {"CODE_UNKNOWN": 1, "DATE_FORMAT": 1}
    page = show_rows(hub, EDITOR, "person")
    shown = {row.cells[0].received: {f.code for f in row.findings if f.problem} for row in page.rows}
    assert shown == {person(200)["gmsfhm"]: {"DATE_FORMAT"}, person(201)["gmsfhm"]: {"CODE_UNKNOWN"}}
    clock.forward(hours=12)
    police.put([person(200) | {"gxsj": "2026-11-22 15:00:00+00"}])
    sync.run(hub, admin, "person")
    assert {each.code: each.rows for each in list_problems(hub, EDITOR).groups} == {"CODE_UNKNOWN": 1}
    assert [row.cells[0].received for row in show_rows(hub, EDITOR, "person").rows] == [person(201)["gmsfhm"]]


@pytest.mark.parametrize(
    ("value", "kind", "level", "faulty", "shown"),
    [
        ("620402196001219854", "citizen_id", 4, False, "620402********9854"),
        ("620402600121985", "citizen_id", 4, True, "620402*****1985"),
        ("62040219600121985", "citizen_id", 4, True, "6***************5"),
        ("张甲一", "name", 3, False, "张*一"),
        ("张甲", "name", 3, False, "张*"),
        ("13800138000", "mobile", 3, False, "138****8000"),
        ("1", "code", 2, False, "1"),
        ("7", "code", 2, True, "7"),
        ("张甲一", "code", 2, True, "***"),
        ("13800138000", "code", 2, True, "138****8000"),
        ("1960-01-21", "date", 3, False, "1********1"),
        ("2020-06-18", "date", 2, False, "2020-06-18"),
        ("甘肃省白银市白银区四龙路1号", "address", 3, False, "甘************号"),
        ("备注", "text", 1, False, "**"),
        ("", "text", 1, False, ""),
        (None, "name", 3, True, None),
    ],
)
def test_masks(value, kind, level, faulty, shown):
    """What an administrator sees names nobody, also where a value stands in the wrong column."""
    item = Item("x", "x", "某项", "C", kind, level=level)
    assert masked(value, item, faulty=faulty) == shown
