"""From a table to a draft entry: names, kinds, keys and levels proposed; nothing typed twice; nobody else's tables."""

import pytest
import yaml
from sqlalchemy import text

from catalog.stores import attachments as attachment_store
from catalog.stores import departments
from exchange import connections, drafting, entries
from exchange.access import Actor
from exchange.drafting import ItemChoice
from exchange.entry_publication import check_submission
from schemas import contract
from schemas.contract.lint import refused
from schemas.errors import Denied, InputError, NotFound, StateError
from tests.exchange.small_city import PROVIDER, citizen_id, people

EDITOR = Actor("editor", frozenset({"editor"}), PROVIDER, "portal")
STRANGER = Actor("stranger", frozenset({"editor"}), "11620400XX00C0014G", "portal")


@pytest.fixture
def city(hub, admin, police, clock):
    """The police's database with a register of people, as a department would have made it, and its connection."""
    now = clock.now()
    with hub.transaction() as connection:
        departments.save(connection, PROVIDER, "示例市公安局", now)
        departments.save(connection, STRANGER.department, "示例市民政局", now)
    with police.connect() as connection:
        connection.execute(
            "create table rk_jbxx (id bigserial primary key, gmsfhm varchar(18) not null, xm varchar(50), xb char(1), "
            "mz varchar(2), csrq date, sjhm varchar(20), hjdz text, bz1 varchar(10), zp bytea, ye numeric(12,2), "
            "gxsj timestamptz not null default now())"
        )
        connection.execute("comment on table rk_jbxx is '人口基本信息表（户籍）'")
        connection.execute("comment on column rk_jbxx.ye is '医保余额，元'")
        connection.execute("comment on column rk_jbxx.xb is '性别 1男 2女'")
        for number, row in enumerate(people(40)):
            connection.execute(
                "insert into rk_jbxx (gmsfhm, xm, xb, mz, csrq, sjhm, hjdz, bz1, ye) values "
                "(%(gmsfhm)s, %(xm)s, %(xb)s, '01', %(csrq)s, %(sjhm)s, '银桥市某路1号', 'x', 3.5)",
                row | {"sjhm": f"1380000{number:04d}"},
            )
    connections.set_connection(hub, admin, "police", police.url, PROVIDER)
    return police


def test_tables_are_listed_with_comment_and_privilege(hub, city):
    """A connection's tables come with their comments, estimates and whether the account could write."""
    found = {table.name: table for table in drafting.list_tables(hub, EDITOR, "police")}
    assert set(found) == {"rk_jbxx", "t_person", "t_front"}
    assert found["rk_jbxx"].comment == "人口基本信息表（户籍）" and found["rk_jbxx"].writable


def test_a_proposal_names_types_keys_and_levels(hub, city):
    """Items come from comments, short names and contents; what nobody knows stays out."""
    draft = drafting.propose(hub, EDITOR, "police", "rk_jbxx", "public")
    items = {item.column: item for item in draft.items}
    assert draft.facts.title == "人口基本信息表" and draft.facts.share_type == "2"
    assert (items["gmsfhm"].title, items["gmsfhm"].level, items["gmsfhm"].role) == ("公民身份号码", 4, "本人")
    assert (items["xm"].title, items["xm"].identifying) == ("姓名", True)
    assert items["xb"].choice == "code:gb_t_2261_1" and items["mz"].choice == "code:gb_t_3304"
    assert (items["csrq"].letter, items["gxsj"].letter, items["ye"].letter) == ("D", "T", "N")
    assert (items["ye"].title, items["hjdz"].kind, items["sjhm"].kind) == ("医保余额", "address", "mobile")
    assert not items["bz1"].use and not items["zp"].use and items["bz1"].title == ""
    assert [item.column for item in draft.items if item.key] == ["gmsfhm"]
    assert (draft.reading.mode, draft.reading.watermark_column) == ("watermark", "gxsj")


def choices(draft):
    """Takes every proposed item."""
    return [ItemChoice(item.column) for item in draft.items if item.use]


def test_a_draft_is_a_state_0_entry_with_its_attachment(hub, city):
    """The draft passes the contract's own checks and holds connection, schema, table, mode and schedule already."""
    draft = drafting.propose(hub, EDITOR, "police", "rk_jbxx", "public")
    made = drafting.make(
        hub, EDITOR, "police", "public.rk_jbxx", draft.facts, [*choices(draft), ItemChoice("bz1", "备注一")]
    )
    assert (made.dataset, made.state, made.connection) == ("rk_jbxx", 0, "police")
    shown = entries.show_entry(hub, EDITOR, "rk_jbxx")
    document = yaml.safe_load(shown.text)
    server = {each["property"]: each["value"] for each in document["servers"][0]["customProperties"]}
    assert server["watermarkColumn"] == "gxsj" and server["schema"] == "public" and shown.schedule
    assert {item["name"] for item in shown.items} >= {"citizen_id", "name", "bz1"}
    assert not [p for p in entries.check(shown.text, "x") if p.severity == "error"]
    with hub.transaction() as connection:
        assert refused(check_submission(connection, contract.load(shown.text, "x"))) == []
        stored = attachment_store.find(connection, "rk_jbxx")
    assert stored.state == "created" and stored.mapping["citizen_id"] == "gmsfhm"
    with pytest.raises(StateError, match="已经使用"):
        drafting.make(hub, EDITOR, "police", "public.rk_jbxx", draft.facts, choices(draft))
    again = drafting.propose(hub, EDITOR, "police", "rk_jbxx", "public")
    assert again.facts.dataset != "rk_jbxx"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([], "没有选择"),
        ([ItemChoice("nope")], "没有列"),
        ([ItemChoice("bz1")], "没有数据项名称"),
        ([ItemChoice("gmsfhm"), ItemChoice("bz1", "公民身份号码")], "重复"),
        ([ItemChoice("gmsfhm", kind="code:no_such_set")], "类别不可用"),
        ([ItemChoice("gmsfhm", level=9)], "分级不可用"),
    ],
)
def test_bad_choices_are_refused(hub, city, chosen, message):
    """What a person chose wrongly is said; no entry is made."""
    draft = drafting.propose(hub, EDITOR, "police", "rk_jbxx", "public")
    with pytest.raises(InputError, match=message):
        drafting.make(hub, EDITOR, "police", "public.rk_jbxx", draft.facts, chosen)
    assert entries.list_entries(hub, EDITOR) == []


def test_a_front_end_exchange_table_is_read_by_its_flags(hub, city):
    """Columns that steer the reading are no items; the mode is change_flag, the subject is the key."""
    draft = drafting.propose(hub, EDITOR, "police", "t_front", "public")
    assert (draft.reading.mode, draft.reading.operation_column) == ("change_flag", "cd_operation")
    assert [item.column for item in draft.items if item.key] == ["gmsfhm"]
    assert not any(item.use for item in draft.items if item.column.startswith(("cd_", "row_")))
    made = drafting.make(hub, EDITOR, "police", "public.t_front", draft.facts, choices(draft))
    assert "change_flag" in entries.show_entry(hub, EDITOR, made.dataset).text
    keyless = [ItemChoice(choice.column, key=False) for choice in choices(draft)]
    again = drafting.propose(hub, EDITOR, "police", "t_front", "public")
    bare = drafting.make(hub, EDITOR, "police", "public.t_front", again.facts, keyless)
    assert "snapshot" in entries.show_entry(hub, EDITOR, bare.dataset).text


def test_another_department_sees_nothing(hub, city):
    """A connection of another department is neither listed nor looked into; the denial is an event."""
    assert connections.list_connections(hub, STRANGER) == []
    for act in (
        lambda: drafting.list_tables(hub, STRANGER, "police"),
        lambda: drafting.propose(hub, STRANGER, "police", "rk_jbxx"),
        lambda: connections.test_connection(hub, STRANGER, "police"),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(Denied):
        connections.set_connection(hub, STRANGER, "police", "postgresql://u:p@h/d")
    with hub.engine.connect() as connection:
        denied = "select count(*) from hub.audit_events where result = 'denied' and object_id = 'police'"
        assert connection.execute(text(denied)).scalar_one() == 4


def test_no_value_is_in_the_log(hub, city):
    """Looking into a table leaves the names of tables in the log, no value of a row."""
    drafting.propose(hub, EDITOR, "police", "rk_jbxx", "public")
    with hub.engine.connect() as connection:
        events = connection.execute(text("select string_agg(e::text, '') from hub.audit_events e")).scalar_one()
    assert "rk_jbxx" in events and citizen_id(1) not in events and "张" not in events


@pytest.mark.parametrize(("bad", "set_id", "says"), [(3, "gb_t_2261_1", "将计入问题数据"), (60, None, "按文字处理")])
def test_wrong_codes_of_a_register_do_not_hide_what_a_column_is(hub, admin, city, bad, set_id, says):
    """A few wrong codes keep the code set of the name and become problem data; too many make the column text."""
    city.put([*people(100 - bad), *(each | {"xb": "7"} for each in people(bad, start=200))])
    draft = drafting.propose(hub, admin, "police", "t_person", "public")
    sex = next(item for item in draft.items if item.column == "xb")
    assert sex.code_set == set_id and says in sex.says


def test_odd_columns_make_a_draft_all_the_same(hub, city):
    """Reserved words, letters that differ only in case, blanks, quotes, Chinese, 120 columns: names stay apart."""
    odd = [
        '"UPPER"',
        '"upper"',
        '"order"',
        '"a b"',
        '"q""uote"',
        '"1st"',
        '"x.y"',
        '"%s"',
        '"状态"',
        '"SCBZ"',
        '"YZBM"',
    ]
    columns = ", ".join([*(f"{name} text" for name in odd), *(f"c{number} varchar(10)" for number in range(109))])
    with city.connect() as connection:
        connection.execute(f"create table odd ({columns})")
    draft = drafting.propose(hub, EDITOR, "police", "odd", "public")
    titles = {item.column: item.title for item in draft.items}
    assert (titles["SCBZ"], titles["YZBM"], titles["状态"]) == ("删除标志", "邮政编码", "状态")
    assert {item.length for item in draft.items if item.column in {"UPPER", "upper", "x.y"}} == {200}
    chosen = [ItemChoice(item.column, item.title or f"第{at}项") for at, item in enumerate(draft.items)]
    made = drafting.make(hub, EDITOR, "police", "public.odd", draft.facts, chosen)
    items = entries.show_entry(hub, EDITOR, made.dataset).items
    assert len(items) == 120 == len({item["name"] for item in items})
    assert {item["source"] for item in items} == set(titles)
