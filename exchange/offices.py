"""Use-cases of departments (部门) and regions (行政区划): who, where, under whom. Knows no account's rights."""

import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from catalog.stores import accounts, departments, regions
from catalog.stores.departments import Department
from catalog.stores.entries import State
from catalog.stores.regions import Region
from exchange.access import Actor
from exchange.audit import record, record_read, use_case
from exchange.hub import Hub
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.identifiers import uscc

LEVELS = {1: "市", 2: "县区", 3: "乡镇街道", 4: "村社区"}
_LIVE = tuple(int(state) for state in State if state not in {State.REVOKED, State.DELETED})
_CODE = re.compile(r"[1-9][0-9]{5}(?:[0-9]{3}(?:[0-9]{3})?)?")


@dataclass(frozen=True, slots=True)
class RegionView:
    """A region, with the names from the city down to it."""

    code: str
    name: str
    parent_code: str | None
    level: int
    level_name: str
    path: str
    departments: int


@dataclass(frozen=True, slots=True)
class DepartmentView:
    """A department: where it is, under whom, and how many people and entries it has."""

    code: str
    name: str
    short_name: str | None
    region_code: str | None
    region_path: str
    level_name: str
    parent_code: str | None
    parent_name: str | None
    is_authority: bool
    active: bool
    people: int
    entries: int


@dataclass(frozen=True, slots=True)
class NewDepartment:
    """What a department is registered with."""

    code: str
    name: str
    region_code: str
    short_name: str = ""
    parent_code: str = ""
    is_authority: bool = False


@use_case("region.list")
def list_regions(hub: Hub, actor: Actor) -> list[RegionView]:
    """Lists the region tree, each region before those below it."""
    with hub.transaction() as connection:
        found = regions.list_all(connection)
        paths = region_paths(found)
        here = [each.region_code for each in departments.list_all(connection) if each.active]
        record(connection, hub, actor, "region.list", None, row_count=len(found))
    return [
        RegionView(
            each.code, each.name, each.parent_code, each.level, LEVELS[each.level], paths[each.code],
            here.count(each.code),
        )
        for each in found
    ]  # fmt: skip


def region_paths(found: list[Region]) -> dict[str, str]:
    """Writes the names from the city down to each region; the list has each after the one above it."""
    paths: dict[str, str] = {}
    for each in found:
        above = paths.get(each.parent_code or "")
        paths[each.code] = f"{above} / {each.name}" if above else each.name
    return paths


@use_case("region.set")
def set_region(hub: Hub, actor: Actor, code: str, name: str) -> Region:
    """Registers a region under the one that its code names, or renames it."""
    _require_region(hub, actor, "region.set", code)
    with hub.transaction() as connection:
        region = save_region(connection, code, name)
        record(connection, hub, actor, "region.set", region.code, detail={"level": region.level})
    return region


def _require_region(hub: Hub, actor: Actor, action: str, code: str | None) -> None:
    """Raises Denied, after recording it, for a region that is not below the actor's."""
    if not (code or "").startswith(actor.region):
        record_read(hub, actor, action, None, result="denied", error_code="SCOPE")
        raise Denied("该行政区划不在您的管辖范围内", "只能办理本级及以下的部门", "请联系上级系统管理员", code="SCOPE")


def save_region(connection: Connection, code: str, name: str) -> Region:
    """Records a region; raises InputError where code, name or the region above is wrong."""
    code, name = code.strip(), name.strip()
    if not _CODE.fullmatch(code):
        raise InputError(
            "行政区划代码不可用", "市和县区6位、乡镇街道9位、村社区12位数字", "请改正代码", code="REGION_CODE"
        )
    if not 1 < len(name) <= 50 or not name.isprintable():
        raise InputError("行政区划名称不可用", "2至50个字", "请填写名称", code="REGION_NAME")
    above = _above(code)
    if above is not None and regions.find(connection, above) is None:
        raise InputError(f"上级行政区划 {above} 还没有登记", "自上而下登记", "请先登记上级", code="REGION_PARENT")
    region = Region(code, name, above, _level(code))
    regions.save(connection, region)
    return region


def _level(code: str) -> int:
    return {6: 1 if code.endswith("00") else 2, 9: 3, 12: 4}[len(code)]


def _above(code: str) -> str | None:
    return {1: None, 2: code[:4] + "00", 3: code[:6], 4: code[:9]}[_level(code)]


@use_case("department.list")
def list_departments(hub: Hub, actor: Actor) -> list[DepartmentView]:
    """Lists the departments by region."""
    with hub.transaction() as connection:
        found = _views(connection)
        record(connection, hub, actor, "department.list", None, row_count=len(found))
    return sorted(found, key=lambda each: (each.region_code or "~", each.code))


@use_case("department.show")
def show_department(hub: Hub, actor: Actor, code: str) -> DepartmentView:
    """Shows a department by its code; raises NotFound."""
    with hub.transaction() as connection:
        department = _find(connection, code)
        record(connection, hub, actor, "department.show", department.code)
        return _view(connection, department.code)


def _views(connection: Connection) -> list[DepartmentView]:
    found = departments.list_all(connection)
    names = {each.code: each.name for each in found}
    places = {each.code: each for each in regions.list_all(connection)}
    paths = region_paths(list(places.values()))
    people, entries = departments.count_people(connection), departments.count_entries(connection, _LIVE)
    return [
        DepartmentView(
            code=each.code,
            name=each.name,
            short_name=each.short_name,
            region_code=each.region_code,
            region_path=paths.get(each.region_code or "", ""),
            level_name=LEVELS[places[each.region_code].level] if each.region_code in places else "",
            parent_code=each.parent_code,
            parent_name=names.get(each.parent_code or ""),
            is_authority=each.is_authority,
            active=each.active,
            people=people.get(each.code, 0),
            entries=entries.get(each.code, 0),
        )
        for each in found
    ]


def _view(connection: Connection, code: str) -> DepartmentView:
    return next(each for each in _views(connection) if each.code == code)


def _find(connection: Connection, code: str) -> Department:
    department = departments.find(connection, code.strip().upper()) if code.isalnum() else None
    if department is None:
        raise NotFound("没有这个部门", "部门以统一社会信用代码为准", "请核对代码", code="DEPARTMENT_UNKNOWN")
    return department


@use_case("department.open")
def open_department(hub: Hub, actor: Actor, department: NewDepartment) -> DepartmentView:
    """Registers a department under its unified social credit code."""
    _require_region(hub, actor, "department.open", department.region_code.strip())
    with hub.transaction() as connection:
        values = checked(connection, department)
        if not departments.add(connection, values | {"created_at": hub.clock.now()}):
            raise InputError(
                "该统一社会信用代码已登记", "一个代码只登记一个部门", "请在部门页面修改", code="DEPARTMENT_TAKEN"
            )
        detail = {"region": values["region_code"], "is_authority": department.is_authority}
        record(connection, hub, actor, "department.open", values["code"], detail=detail)
        return _view(connection, values["code"])


def checked(connection: Connection, new: NewDepartment) -> dict[str, Any]:
    """Returns the values of a department; raises InputError for what is wrong with them."""
    result = uscc(new.code)
    if result.normalised is None or not result.ok:
        raise InputError("统一社会信用代码不正确", "18位，校验码须相符", "请对照登记证书核对", code="USCC")
    name = new.name.strip()
    if not 3 < len(name) <= 100 or not name.isprintable():
        raise InputError("部门名称不可用", "4至100个字的全称", "请填写部门全称", code="DEPARTMENT_NAME")
    region = regions.find(connection, new.region_code.strip()) if new.region_code.strip().isdigit() else None
    if region is None:
        raise InputError("没有这个行政区划", "须是已登记的行政区划代码", "请先登记行政区划", code="REGION_UNKNOWN")
    code = result.normalised
    return {
        "code": code,
        "name": name,
        "short_name": _short(new.short_name),
        "region_code": region.code,
        "parent_code": _parent(connection, code, new.parent_code.strip().upper()),
        "is_authority": new.is_authority,
    }


def _short(name: str) -> str | None:
    if len(name) > 50 or not name.isprintable():
        raise InputError("部门简称不可用", "不超过50个字", "请改正简称", code="DEPARTMENT_NAME")
    return name.strip() or None


def _parent(connection: Connection, code: str, parent: str) -> str | None:
    """Checks the department above: it is registered, in use, and not below this one."""
    above = parent or None
    while above is not None:
        found = departments.find(connection, above) if above.isalnum() else None
        if found is None or not found.active:
            raise InputError("没有这个上级部门", "须是已登记、在用的部门", "请核对上级部门代码", code="PARENT_UNKNOWN")
        if above == code:
            raise InputError("上级部门不能是本部门或其下级", "", "请另选上级部门", code="PARENT_LOOP")
        above = found.parent_code
    return parent or None


@use_case("department.change")
def change_department(hub: Hub, actor: Actor, code: str, department: NewDepartment) -> DepartmentView:
    """Changes a department's name, place and the department above it; its code stays."""
    with hub.transaction() as connection:
        before = _find(connection, code)
    _require_region(hub, actor, "department.change", department.region_code.strip())
    if before.region_code is not None:
        _require_region(hub, actor, "department.change", before.region_code)
    with hub.transaction() as connection:
        values = checked(connection, replace(department, code=before.code))
        refuse_losing_authority(connection, before, is_authority=department.is_authority)
        departments.change(connection, **values)
        record(connection, hub, actor, "department.change", before.code, detail={"region": values["region_code"]})
        return _view(connection, before.code)


def refuse_losing_authority(connection: Connection, before: Department, *, is_authority: bool) -> None:
    """Raises InputError where a department that has data administrators would no longer be the authority."""
    if is_authority or not before.is_authority:
        return
    found = accounts.list_of(connection, [before.code])
    if any(each.active and "data_admin" in each.roles for each in found):
        raise InputError(
            f"{before.name}还有数据管理员",
            "数据管理员只能由政务数据共享主管部门的人员担任",
            "请先由安全管理员收回其数据管理员角色",
            code="AUTHORITY_IN_USE",
        )


@use_case("department.close")
def close_department(hub: Hub, actor: Actor, code: str, reason: str) -> DepartmentView:
    """Takes a department out of use that has no open account, no live entry and none below it."""
    if not reason.strip():
        raise InputError("没有写明原因", "停用部门须写明原因，如机构改革文件", "请写明原因", code="REASON")
    with hub.transaction() as connection:
        region = _find(connection, code).region_code
    _require_region(hub, actor, "department.close", region)
    with hub.transaction() as connection:
        department = _find(connection, code)
        views = _views(connection)
        view = next(each for each in views if each.code == department.code)
        below = sum(each.parent_code == department.code and each.active for each in views)
        if view.people or view.entries or below:
            raise StateError(
                f"{department.name}还有{view.people}个账号、{view.entries}个目录条目、{below}个下级部门",
                "全部关闭、撤销或转出后才能停用",
                "请先办理人员和目录条目",
                code="DEPARTMENT_IN_USE",
            )
        departments.change(connection, department.code, active=False)
        record(connection, hub, actor, "department.close", department.code, detail={"reason": reason.strip()[:200]})
        return _view(connection, department.code)
