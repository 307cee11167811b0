"""Accounts, roles held apart, hand-over, departments in a region tree, and the workbook of all of them."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import openpyxl
import pytest
from sqlalchemy import text

from catalog.stores import accounts, departments
from catalog.tables_work import tasks
from examples.accounts import PASSWORD, PEOPLE, register_example_people
from exchange import me, offices, people, people_workbook
from exchange.access import ROLE_NAMES, Actor
from exchange.credentials import hash_first_password
from exchange.offices import NewDepartment
from exchange.people import NewPerson
from exchange.scope import reach_of
from exchange.sessions import hash_password, region_prefix, resume, sign_in, token_hash
from schemas.errors import Denied, InputError, NotFound, StateError

POLICE, CIVIL, BUREAU = "11620400XX00C0014G", "11620400XX00C00493", "11620400XX00C0065Q"
STREET, VILLAGE = "11620402XX00C1025Q", "11620422XX00C1041D"


@pytest.fixture
def city(hub, monkeypatch):
    """The example city's people; one hash for all, since a slow one for each would only take time."""
    hashed = hash_first_password(PASSWORD)
    monkeypatch.setattr("examples.accounts.hash_password", lambda _password: hashed)
    register_example_people(hub)
    return hub


@pytest.fixture
def enter(city):
    """Signs a person of the example in and returns the actor."""
    everyone = {person.login: person for person in PEOPLE}

    def entered(login: str) -> Actor:
        code = everyone[login].code(city.clock.now()) if login in everyone else ""
        return sign_in(city, login, PASSWORD, code, channel="portal", address=None)[1].actor

    return entered


def account(hub, login):
    """Finds an account."""
    with hub.transaction() as connection:
        return accounts.find_by_login(connection, login)


def test_the_example_city_has_every_role_and_level(city):
    """Registering twice changes nothing; each role and each of the four levels is there; nobody holds two of three."""
    admin = Actor("t", frozenset({"administrator"}))
    before = people.list_people(city, admin)
    register_example_people(city)
    assert people.list_people(city, admin) == before
    assert {role for person in before for role in person.roles} == set(ROLE_NAMES) - {"administrator"}
    assert {region.level for region in offices.list_regions(city, admin)} == {1, 2, 3, 4}
    assert {each.level_name for each in offices.list_departments(city, admin)} == {"市", "县区", "乡镇街道", "村社区"}


@pytest.mark.parametrize(
    ("region", "prefix"),
    [("620400", "6204"), ("620402", "620402"), ("620000", "62"), ("620402100", "620402100"), (None, "-")],
)
def test_a_region_reaches_those_below_it_and_no_neighbour(region, prefix):
    """A city reaches its counties; the township 620402100 does not reach 620402101."""
    assert region_prefix(region) == prefix


def test_reach_is_inherited_down_the_tree(enter, city):
    """The city's data administrator reaches villages; the police administrator its own; civil affairs its townships."""
    with city.transaction() as connection:
        wide = reach_of(connection, enter("data.admin"))
        own = reach_of(connection, enter("police.admin"))
        civil = reach_of(connection, enter("civil.admin"))
    assert wide.covers(VILLAGE) and wide.covers(POLICE)
    assert own.codes == {POLICE}
    assert civil.covers(STREET) and civil.covers(VILLAGE) and not civil.covers(POLICE)


def opened(hub, actor, login="newcomer", department=POLICE, roles=("editor",), name="新同事"):
    """Opens an account."""
    return people.open_account(hub, actor, NewPerson(login, name, department, tuple(roles)))


def test_who_opens_which_accounts(enter, city):
    """Department roles by the department administrator, its own and townships'; department administrators by system."""
    head, civil, system = enter("police.admin"), enter("civil.admin"), enter("system.admin")
    first = opened(city, head)
    assert first.password and len(first.password) == 14
    assert opened(city, civil, "street.two", STREET, ["window"]).department_name == "银东区桥西街道办事处"
    assert opened(city, system, "health.admin", "11620400XX00C0057X", ["dept_admin"]).password
    for actor, department, roles, code in [
        (head, CIVIL, ["editor"], "SCOPE"),
        (head, STREET, ["window"], "SCOPE"),
        (head, POLICE, ["dept_admin"], "ROLE_NOT_GIVEN"),
        (head, POLICE, ["data_admin"], "ROLE_NOT_GIVEN"),
        (head, POLICE, [], "ROLE_MISSING"),
        (system, POLICE, ["editor"], "ROLE_NOT_GIVEN"),
        (system, BUREAU, ["audit_admin"], "ROLE_NOT_GIVEN"),
        (enter("security.admin"), BUREAU, ["inspector"], "DENIED"),
        (enter("police.editor"), POLICE, ["editor"], "DENIED"),
    ]:
        with pytest.raises(Denied) as refused:
            opened(city, actor, "x.y.z", department, roles)
        assert refused.value.code == code
    assert account(city, "x.y.z") is None


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"login": "zhang san"}, "LOGIN_NAME"),
        ({"login": "620402199003079879"}, "LOGIN_NAME"),
        ({"login": "police.editor"}, "LOGIN_TAKEN"),
        ({"name": "张3"}, "PERSON_NAME"),
        ({"name": ""}, "PERSON_NAME"),
        ({"roles": ["king"]}, "ROLE"),
    ],
)
def test_a_wrong_account_is_refused(city, enter, values, code):
    """Login names and names are checked; what was typed is not repeated."""
    with pytest.raises(InputError) as refused:
        opened(city, enter("police.admin"), **values)
    assert refused.value.code == code
    assert "620402199003079879" not in str(refused.value)


def test_the_three_administrators_are_held_apart(enter, city):
    """No account has two of the three, or one of them and a business role; nobody changes the own roles."""
    system, security = enter("system.admin"), enter("security.admin")
    opened(city, system, "second.man", BUREAU, [])
    with pytest.raises(Denied, match="角色"):
        people.open_account(city, system, NewPerson("third", "第三", BUREAU, ("security_admin",)))
    for roles in (["audit_admin", "system_admin"], ["audit_admin", "inspector"], ["audit_admin", "data_admin"]):
        with pytest.raises(InputError) as refused:
            people.set_roles(city, security, "second.man", roles)
        assert refused.value.code == "ROLES_SEPARATED"
    assert people.set_roles(city, security, "second.man", ["audit_admin"]).roles == ("audit_admin",)
    with pytest.raises(InputError, match="不能同时"):
        people.set_roles(city, Actor("t", frozenset({"administrator"})), "second.man", ["audit_admin", "editor"])
    with pytest.raises(Denied) as refused:
        people.set_roles(city, security, "security.admin", ["inspector"])
    assert refused.value.code == "SELF"


def test_data_administrators_belong_to_the_authority(enter, city):
    """Another department's person cannot be data administrator."""
    with pytest.raises(InputError) as refused:
        people.set_roles(city, enter("security.admin"), "police.editor", ["editor", "data_admin"])
    assert refused.value.code == "ROLE_AUTHORITY"


def test_an_account_without_roles_does_not_sign_in(enter, city):
    """Rights come first."""
    first = opened(city, enter("system.admin"), "waiting", BUREAU, [])
    with pytest.raises(Denied, match="还没有授予角色"):
        sign_in(city, "waiting", first.password, None, channel="portal", address=None)


def test_two_hats_do_not_add_up(enter, city):
    """A department administrator who is also data administrator opens no accounts of other departments."""
    admin = Actor("t", frozenset({"administrator"}))
    opened(city, admin, "both", BUREAU, ["dept_admin", "data_admin"])
    actor = Actor("both", frozenset({"dept_admin", "data_admin"}), BUREAU, region="6204", account="x")
    with pytest.raises(Denied) as refused:
        opened(city, actor, "x.y.z", POLICE, ["editor"])
    assert refused.value.code == "SCOPE"


def add_task(hub, login, department=POLICE):
    """Adds an open task for a person."""
    facts = {"kind": "notice", "title": "核对", "link": "/", "created_at": datetime(2026, 11, 1, tzinfo=UTC)}
    with hub.transaction() as connection:
        who = accounts.find_by_login(connection, login).id
        connection.execute(tasks.insert().values(account_id=who, department_code=department, **facts))


def test_who_leaves_hands_over_open_tasks(enter, city):
    """An account with open tasks is closed only with a colleague who takes them; its sessions end at once."""
    head = enter("police.admin")
    token, _ = sign_in(city, "police.editor", PASSWORD, None, channel="portal", address=None)
    add_task(city, "police.editor")
    add_task(city, "police.editor")
    with pytest.raises(StateError) as refused:
        people.close_account(city, head, "police.editor", "调离")
    assert refused.value.code == "HANDOVER"
    for wrong in ("civil.editor", "police.editor", "nobody"):
        with pytest.raises(InputError):
            people.close_account(city, head, "police.editor", "调离", wrong)
    assert people.close_account(city, head, "police.editor", "调离", "police.reviewer").tasks == 2
    assert resume(city, token) is None
    assert people.show_person(city, head, "police.reviewer").open_tasks == 2
    assert people.show_person(city, head, "police.editor").state == "已关闭"
    with pytest.raises(Denied):
        sign_in(city, "police.editor", PASSWORD, None, channel="portal", address=None)
    with pytest.raises(StateError):
        people.reset_password(city, head, "police.editor")
    with pytest.raises(InputError):
        people.close_account(city, head, "police.reviewer", " ", "")


@pytest.mark.parametrize("act", [people.unlock_account, people.reset_password, people.reset_code])
def test_other_departments_people_are_out_of_reach(enter, city, act):
    """A department head touches neither another department's people nor administrators; security may unlock."""
    head = enter("police.admin")
    for login in ("civil.editor", "data.admin", "police.admin"):
        with pytest.raises(Denied):
            act(city, head, login)
    with pytest.raises(NotFound):
        act(city, head, "nobody")
    with pytest.raises(NotFound):
        people.show_person(city, head, "civil.editor")
    assert "civil.editor" not in {person.login for person in people.list_people(city, head)}
    assert people.unlock_account(city, enter("security.admin"), "civil.editor").login == "civil.editor"


def test_roles_of_other_departments_people_stay(enter, city):
    """Not even the same roles again may be set: that would end the person's sessions."""
    head = enter("police.admin")
    token, _ = sign_in(city, "civil.editor", PASSWORD, None, channel="portal", address=None)
    for login, roles, code in [
        ("civil.editor", ["editor"], "SCOPE"),
        ("police.reviewer", ["dept_reviewer", "dept_admin"], "ROLE_NOT_GIVEN"),
        ("police.reviewer", [], "ROLE_MISSING"),
    ]:
        with pytest.raises(Denied) as refused:
            people.set_roles(city, head, login, roles)
        assert refused.value.code == code
    assert resume(city, token) is not None
    assert people.set_roles(city, head, "police.reviewer", ["editor"]).roles == ("editor",)


def test_departments_are_checked(enter, city):
    """A wrong code, an unknown region, a loop of departments above, another region: each is refused."""
    system = enter("system.admin")
    new = NewDepartment("11620400XX00C10764", "银桥市教育局", "620400")
    assert offices.open_department(city, system, new).region_path == "银桥市"
    for wrong, code in [
        (NewDepartment("11620400XX00C10765", "银桥市教育局", "620400"), "USCC"),
        (NewDepartment("11620402XX00C105X6", "银东区教育局", "620499"), "REGION_UNKNOWN"),
        (NewDepartment("11620402XX00C105X6", "局", "620402"), "DEPARTMENT_NAME"),
        (NewDepartment("11620402XX00C105X6", "银东区教育局", "620402", "", "11620400XX00C9999X"), "PARENT_UNKNOWN"),
        (new, "DEPARTMENT_TAKEN"),
        (NewDepartment("11620402XX00C105X6", "别市教育局", "630100"), "SCOPE"),
    ]:
        with pytest.raises((InputError, Denied)) as refused:
            offices.open_department(city, system, wrong)
        assert refused.value.code == code
    with pytest.raises(InputError) as refused:
        offices.change_department(city, system, CIVIL, NewDepartment(CIVIL, "银桥市民政局", "620400", "", STREET))
    assert refused.value.code == "PARENT_LOOP"
    with pytest.raises(StateError) as refused:
        offices.close_department(city, system, CIVIL, "机构改革")
    assert refused.value.code == "DEPARTMENT_IN_USE"
    assert not offices.close_department(city, system, new.code, "机构改革").active
    with pytest.raises(Denied):
        offices.open_department(city, enter("police.admin"), new)


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("62040", "REGION_CODE"),
        ("6204020010", "REGION_CODE"),
        ("620402003004", "REGION_PARENT"),
        ("620499001", "REGION_PARENT"),
        ("6204\x0002", "REGION_CODE"),
        ("630100", "SCOPE"),
    ],
)
def test_regions_are_a_tree(enter, city, code, wrong):
    """A region has 6, 9 or 12 digits and stands under one that is there."""
    with pytest.raises((InputError, Denied)) as refused:
        offices.set_region(city, enter("system.admin"), code, "某地")
    assert refused.value.code == wrong


def book(offices_rows=(), people_rows=()):
    """Fills the template."""
    made = openpyxl.load_workbook(io.BytesIO(people_workbook.template()))
    for name, rows in (("部门", offices_rows), ("人员", people_rows)):
        for row in rows:
            made[name].append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


NEW_OFFICE = ("11620400XX00C10764", "银桥市教育局", "教育局", 620400, None, None)
BELOW = ("11620402XX00C105X6", "银东区教育局", None, "620402", "11620400XX00C10764", "否")


def test_one_workbook_brings_departments_and_people(enter, city):
    """A department below one in a later row, its people with first passwords; the same list again changes nothing."""
    rows = [
        ("edu.admin", "师长", NEW_OFFICE[0], "部门管理员"),
        ("edu.editor", "师编", BELOW[0], "目录编制员、分析人员"),
    ]
    content = book([BELOW, NEW_OFFICE], rows)
    done = people_workbook.import_workbook(city, enter("system.admin"), content)
    assert (done.faults, done.departments_added, len(done.opened)) == ([], 2, 2)
    shown = offices.show_department(city, enter("inspector"), BELOW[0])
    assert (shown.parent_name, shown.people) == ("银桥市教育局", 1)
    _, session = sign_in(city, "edu.editor", done.opened[1].password, None, channel="portal", address=None)
    assert session.must_change and session.actor.roles == {"editor", "analyst"}
    renamed = book([("11620400XX00C10764", "银桥市教育和体育局", "教育局", "620400", None, None)])
    city.clock.forward(seconds=30)
    changed = people_workbook.import_workbook(city, enter("system.admin"), renamed)
    assert (changed.departments_added, changed.departments_changed) == (0, 1)
    city.clock.forward(seconds=30)
    content = book([BELOW, (NEW_OFFICE[0], "银桥市教育和体育局", *NEW_OFFICE[2:])], rows)
    again = people_workbook.import_workbook(city, enter("system.admin"), content)
    assert (again.departments_added, again.departments_changed, again.people_unchanged, again.opened) == (0, 0, 2, [])


def test_a_workbook_reaches_no_further_than_its_importer(enter, city):
    """A county's system administrator takes no other county's department over by writing it down as its own."""
    county = replace(enter("system.admin"), region="620402")
    with city.transaction() as connection:
        before = departments.find(connection, VILLAGE)
    done = people_workbook.import_workbook(city, county, book([(VILLAGE, before.name, None, "620402", None, None)]))
    assert [fault.column for fault in done.faults] == ["D 行政区划代码"]
    with city.transaction() as connection:
        assert departments.find(connection, VILLAGE) == before


def test_empty_cells_of_a_known_department_change_nothing(enter, city):
    """A list without the columns of authority, short name and parent leaves them as they are."""
    with city.transaction() as connection:
        before = {code: departments.find(connection, code) for code in (BUREAU, STREET)}
    rows = [(each.code, each.name, None, each.region_code, None, None) for each in before.values()]
    done = people_workbook.import_workbook(city, enter("system.admin"), book(rows))
    assert (done.faults, done.departments_changed) == ([], 0)
    with city.transaction() as connection:
        assert {code: departments.find(connection, code) for code in before} == before


def test_the_authority_stays_while_it_has_data_administrators(enter, city):
    """Neither the form nor a list takes the authority from people who act for it."""
    system = enter("system.admin")
    old = offices.show_department(city, system, BUREAU)
    with pytest.raises(InputError, match="还有数据管理员"):
        offices.change_department(city, system, BUREAU, NewDepartment(BUREAU, old.name, old.region_code))
    rows = [(BUREAU, old.name, None, old.region_code, None, flag) for flag in ("否", "也许")]
    for row in rows:
        city.clock.forward(seconds=30)
        done = people_workbook.import_workbook(city, system, book([row]))
        assert [fault.column for fault in done.faults] == ["F 主管部门"]


def test_a_workbook_with_faults_brings_nothing(enter, city):
    """Each fault has sheet, row, column and mend; nothing of the right rows is kept."""
    wrong = [
        NEW_OFFICE,
        ("11620402XX00C105X7", "银东区教育局", None, "620402", None, None),
        ("11620402XX00C105X6", "银东区教育局", None, "629999", None, None),
        (NEW_OFFICE[0], "又一个教育局", None, "620400", None, None),
    ]
    persons = [
        ("edu.editor", "师编", NEW_OFFICE[0], "目录编制员"),
        ("Bad Login", "师编", NEW_OFFICE[0], "目录编制员"),
        ("edu.two", None, NEW_OFFICE[0], "目录编制员"),
        ("edu.three", "师三", NEW_OFFICE[0], "国王"),
        ("edu.four", "师四", NEW_OFFICE[0], "安全管理员"),
        ("edu.five", "师五", "=A2", "目录编制员"),
        ("police.editor", "别人", POLICE, "目录编制员"),
    ]
    done = people_workbook.import_workbook(city, enter("system.admin"), book(wrong, persons))
    places = [(fault.sheet, fault.row, fault.column) for fault in done.faults]
    assert places == [
        ("部门", 3, "A 统一社会信用代码"),
        ("部门", 4, "D 行政区划代码"),
        ("部门", 5, "A 统一社会信用代码"),
        ("人员", 3, "A 登录名"),
        ("人员", 4, "B 姓名"),
        ("人员", 5, "D 角色"),
        ("人员", 6, "D 角色"),
        ("人员", 7, "C 部门代码"),
        ("人员", 8, "A 登录名"),
    ]
    assert all(fault.got and fault.mend for fault in done.faults)
    assert done.opened == [] and account(city, "edu.editor") is None
    with city.transaction() as connection:
        assert connection.execute(text("select count(*) from hub.departments where name like '%教育局'")).scalar() == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "WORKBOOK"),
        (b"\x89PNG\r\n\x1a\n renamed", "WORKBOOK"),
        (b"PK\x03\x04 broken", "WORKBOOK"),
        (book(), "WORKBOOK_EMPTY"),
        (b"0" * (11 * 1024 * 1024), "WORKBOOK_LARGE"),
        (book([], [("a.b.c", "某人", POLICE, "窗口人员")] * 5001), "WORKBOOK_ROWS"),
    ],
    ids=["empty", "picture", "broken", "no-rows", "large", "many-rows"],
)
def test_what_is_no_such_workbook_is_refused(hub, content, code):
    """A renamed picture, an empty file, an empty template, a huge file."""
    with pytest.raises(InputError) as refused:
        people_workbook.import_workbook(hub, Actor("t", frozenset({"administrator"})), content)
    assert refused.value.code == code


def test_a_department_administrator_imports_only_the_own_people(enter, city):
    """The list gives nobody more rights than the forms: other departments and new departments are faults."""
    persons = [("police.two", "警二", POLICE, "目录编制员"), ("civil.two", "民二", CIVIL, "目录编制员")]
    done = people_workbook.import_workbook(city, enter("police.admin"), book([NEW_OFFICE], persons))
    assert [(fault.sheet, fault.row) for fault in done.faults] == [("部门", 2), ("人员", 3)]
    done = people_workbook.import_workbook(city, enter("police.admin"), book([], persons[:1]))
    assert [each.login for each in done.opened] == ["police.two"]


def test_no_password_reaches_the_audit_log(enter, city):
    """First passwords, new passwords and recovery codes are in no event."""
    head = enter("police.admin")
    first = opened(city, head).password
    again = people.reset_password(city, head, "newcomer").password
    _, session = sign_in(city, "newcomer", again, None, channel="portal", address=None)
    me.change_password(city, session.actor, again, "Harbour-2026x")
    with city.transaction() as connection:
        log = connection.execute(text("select string_agg(e::text, ' ') from hub.audit_events e")).scalar()
    assert not any(secret in log for secret in (first, again, "Harbour-2026x"))
    assert hash_password("Harbour-2026x") and token_hash(city, "x")
