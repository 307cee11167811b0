"""Use-case: departments and people from one workbook, all of it or nothing. How the workbook is read: people_sheets."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from catalog.stores import accounts, departments
from exchange import people_sheets
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.offices import NewDepartment, checked, refuse_losing_authority
from exchange.people import FirstPassword, NewPerson, add_account, cleaned, opening_refusal
from exchange.people_sheets import DEPARTMENTS, PEOPLE, Fault, Row
from schemas.errors import Denied, HubError, InputError

template = people_sheets.template

#: The column at which an error of a row is shown, by the error's code.
_AT = {
    "USCC": "统一社会信用代码",
    "DEPARTMENT_NAME": "部门名称",
    "REGION_UNKNOWN": "行政区划代码",
    "PARENT_UNKNOWN": "上级部门代码",
    "PARENT_LOOP": "上级部门代码",
    "LOGIN_NAME": "登录名",
    "LOGIN_TAKEN": "登录名",
    "PERSON_NAME": "姓名",
    "DEPARTMENT_UNKNOWN": "部门代码",
    "ROLE": "角色",
    "ROLES_SEPARATED": "角色",
    "ROLE_AUTHORITY": "角色",
    "ROLE_NOT_GIVEN": "角色",
    "AUTHORITY_FLAG": "主管部门",
    "AUTHORITY_IN_USE": "主管部门",
}
_PLACE = {DEPARTMENTS: "行政区划代码", PEOPLE: "部门代码"}


@dataclass(slots=True)
class Imported:
    """What a workbook brought: faults and nothing else, or new departments and accounts with first passwords."""

    faults: list[Fault] = field(default_factory=list)
    departments_added: int = 0
    departments_changed: int = 0
    people_unchanged: int = 0
    opened: list[FirstPassword] = field(default_factory=list)


class _Undo(Exception):
    """Takes back everything of a workbook with a fault."""


@use_case("person.import")
def import_workbook(hub: Hub, actor: Actor, content: bytes) -> Imported:
    """Imports departments and people from a workbook; with any fault, lists all of them and imports nothing."""
    rows, faults = people_sheets.read(content)
    done = Imported(faults=faults)
    offices, people = rows[DEPARTMENTS], rows[PEOPLE]
    try:
        with hub.transaction() as connection:
            _each(done, offices, "统一社会信用代码", lambda row: _department(hub, connection, actor, row, done))
            _each(done, offices, "", lambda row: _put_under(connection, row))
            _each(done, people, "登录名", lambda row: _person(hub, connection, actor, row, done))
            if done.faults:
                raise _Undo
            counts = {"departments": done.departments_added, "people": len(done.opened)}
            record(connection, hub, actor, "person.import", None, row_count=len(done.opened), detail=counts)
    except _Undo:
        return Imported(faults=sorted(done.faults, key=lambda fault: (fault.sheet != DEPARTMENTS, fault.row or 0)))
    return done


def _each(done: Imported, rows: list[Row], key: str, act: Callable[[Row], None]) -> None:
    """Does each row, its faults collected; a key that came before is a fault."""
    faulty = {(fault.sheet, fault.row) for fault in done.faults}
    seen: dict[str, int] = {}
    for row in rows:
        if (row.sheet, row.number) in faulty:
            continue
        value = row.cells.get(key, "").upper()
        if value and value in seen:
            done.faults.append(row.fault(key, f"与第{seen[value]}行重复", "请删去其中一行"))
            continue
        seen[value] = row.number
        try:
            act(row)
        except (InputError, Denied) as error:
            done.faults.append(_fault(row, error))


def _fault(row: Row, error: HubError) -> Fault:
    heading = _AT.get(error.code, _PLACE[row.sheet])
    mend = "；".join(part for part in (error.allowed, error.next_step) if part)
    return row.fault(heading, error.got, mend)


def _new_department(row: Row) -> NewDepartment:
    cells = row.cells
    return NewDepartment(
        code=cells["统一社会信用代码"],
        name=cells["部门名称"],
        region_code=cells["行政区划代码"],
        short_name=cells["简称"],
        parent_code=cells["上级部门代码"],
        is_authority=_flag(cells["主管部门"]) or False,
    )


def _flag(text: str) -> bool | None:
    """Reads a yes or a no; None where the cell is empty."""
    if not text:
        return None
    if text.upper() not in {"是", "Y", "1", "否", "N", "0"}:
        raise InputError("不是“是”或“否”", "主管部门填“是”，其他部门留空或填“否”", "请改正", code="AUTHORITY_FLAG")
    return text.upper() in {"是", "Y", "1"}


def _department(hub: Hub, connection: Connection, actor: Actor, row: Row, done: Imported) -> None:
    """Records a department or what is new of it; the one above it may come in a later row and waits."""
    new = _new_department(row)
    values = checked(connection, replace(new, parent_code=""))
    known = departments.find(connection, values["code"])
    regions = [new.region_code, *([known.region_code] if known and known.region_code else [])]
    within = all(region.startswith(actor.region) for region in regions)
    if not actor.roles & {"system_admin", "administrator"} or not within:
        raise Denied("您不能登记该部门", "由该区划的系统管理员登记", "请删去该行，或由系统管理员导入", code="SCOPE")
    if known is not None and _flag(row.cells["主管部门"]) is None:  # an empty cell leaves it as it is
        values["is_authority"] = known.is_authority
    if known is not None and not values["short_name"]:
        values["short_name"] = known.short_name
    if known is not None:
        refuse_losing_authority(connection, known, is_authority=values["is_authority"])
    if known is None:
        departments.add(connection, values | {"created_at": hub.clock.now()})
        done.departments_added += 1
        return
    values.pop("parent_code")
    if any(getattr(known, name) != value for name, value in values.items()):
        departments.change(connection, **values)
        done.departments_changed += 1


def _put_under(connection: Connection, row: Row) -> None:
    values = checked(connection, _new_department(row))
    if values["parent_code"]:  # an empty cell leaves it where it is
        departments.change(connection, values["code"], parent_code=values["parent_code"])


def _person(hub: Hub, connection: Connection, actor: Actor, row: Row, done: Imported) -> None:
    cells = row.cells
    roles = tuple(name for name in cells["角色"].replace("，", "、").replace(",", "、").split("、") if name.strip())
    person = cleaned(NewPerson(cells["登录名"], cells["姓名"], cells["部门代码"], roles))
    known = accounts.find_by_login(connection, person.login)
    same = known is not None and (known.name, known.department_code, known.roles, known.active) == (
        person.name, person.department_code, frozenset(person.roles), True
    )  # fmt: skip
    if same:
        done.people_unchanged += 1
        return
    refused = opening_refusal(connection, actor, person, by_list=True)
    if refused is not None:
        raise refused
    done.opened.append(add_account(hub, connection, actor.name, person))
