"""Use-cases of the survey of information systems (信息系统普查): template, import, list, systems without entries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from catalog.stores import departments, entries, entry_words
from catalog.stores import information_systems as store
from catalog.stores.entries import State
from catalog.stores.information_systems import InformationSystem
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scope import Reach, reach_of
from exchange.survey_workbook import COLUMNS, VERDICTS, Sheet, SheetFault, read, template, write
from schemas.errors import InputError

_VERDICTS = {title: code for code, title in VERDICTS.items()}
_BETWEEN = str.maketrans("，,；;\n", "、、、、、")


@dataclass(frozen=True, slots=True)
class SystemView:
    """One information system; `entries` are the entries that its data is registered in."""

    id: int
    department_code: str
    department_name: str
    name: str
    verdict: str
    verdict_name: str
    facts: Mapping[str, str]
    entries: Sequence[str]
    unknown: Sequence[str]
    recorded_by: str
    recorded_at: datetime

    @property
    def registered(self) -> bool:
        """Says whether an entry of the directory comes from the system."""
        return bool(self.entries)


@dataclass(frozen=True, slots=True)
class Survey:
    """The systems within reach, how many of each verdict, how many without an entry."""

    systems: Sequence[SystemView]
    verdicts: Mapping[str, int]
    without_entries: int
    columns: Sequence[tuple[str, str]] = field(default=tuple((c.name, c.heading) for c in COLUMNS))


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: nothing at all where there are faults."""

    rows: int
    added: int
    changed: int
    faults: Sequence[SheetFault] = ()


@dataclass(frozen=True, slots=True)
class SurveyFile:
    """A workbook."""

    name: str
    content: bytes


@use_case("system.list")
def list_systems(hub: Hub, actor: Actor) -> Survey:
    """Lists the information systems of the departments within reach."""
    with hub.transaction() as connection:
        found = _systems(connection, reach_of(connection, actor))
        record(connection, hub, actor, "system.list", None, row_count=len(found))
    counted = Counter(each.verdict for each in found)
    verdicts = {title: counted[code] for code, title in VERDICTS.items()}
    return Survey(found, verdicts, sum(not each.registered and each.verdict != "clean" for each in found))


def _systems(connection: Connection, reach: Reach) -> list[SystemView]:
    named: dict[str, str] = {}
    known: set[str] = set()
    by_system: dict[str, list[str]] = {}
    for each in entries.list_all(connection):
        if each.state in (State.REVOKED, State.DELETED) or not reach.sees(each):
            continue
        known.add(each.dataset)
        named |= {name: each.dataset for name in (each.title, each.code, each.dataset) if name}
    for dataset, system in entry_words.named_systems(connection):
        if dataset in known:
            by_system.setdefault(system, []).append(dataset)
    return [
        _view(system, named, by_system) for system in store.list_all(connection) if reach.covers(system.department_code)
    ]


def _view(system: InformationSystem, named: Mapping[str, str], by_system: Mapping[str, list[str]]) -> SystemView:
    facts = {str(name): str(value) for name, value in system.facts.items()}
    said = [name.strip() for name in facts.get("entries", "").translate(_BETWEEN).split("、") if name.strip()]
    registered = [named[name] for name in said if name in named] + by_system.get(system.name, [])
    return SystemView(
        id=system.id,
        department_code=system.department_code,
        department_name=system.department_name,
        name=system.name,
        verdict=system.verdict,
        verdict_name=VERDICTS[system.verdict],
        facts=facts,
        entries=tuple(dict.fromkeys(registered)),
        unknown=tuple(name for name in said if name not in named),
        recorded_by=system.recorded_by,
        recorded_at=system.recorded_at,
    )


@use_case("system.template")
def survey_template(hub: Hub, actor: Actor) -> SurveyFile:
    """Makes the empty survey sheet."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "system.template", None)
    return SurveyFile("信息系统普查模板.xlsx", template())


@use_case("system.import")
def import_systems(hub: Hub, actor: Actor, content: bytes) -> Imported:
    """Imports a survey sheet whole, or nothing of it and every fault by sheet, row and column."""
    sheet = read(content)
    with hub.transaction() as connection:
        faults = [*sheet.faults, *_outside(connection, actor, sheet)]
        if faults:
            faults = sorted(faults, key=lambda fault: (fault.row or 0, fault.cell))
            record(connection, hub, actor, "system.import", None, result="failure", error_code="SURVEY_FAULTS")
            return Imported(len(sheet.rows), 0, 0, faults)
        before = {(each.department_code, each.name) for each in store.list_all(connection)}
        rows = [_row(each.facts, actor) for each in sheet.rows]
        store.save(connection, rows, actor.name, hub.clock.now())
        added = sum((row["department_code"], row["name"]) not in before for row in rows)
        record(connection, hub, actor, "system.import", None, row_count=len(rows), detail={"added": added})
    return Imported(len(rows), added, len(rows) - added)


def _outside(connection: Connection, actor: Actor, sheet: Sheet) -> list[SheetFault]:
    """Lists the rows of departments that are unknown or not the actor's."""
    reach = reach_of(connection, actor)
    known = {each.code for each in departments.list_all(connection)}
    faults = []
    for each in sheet.rows:
        code = each.facts.get("department_code") or actor.department
        if code is None or code not in known:
            faults.append(each.fault("department_code", "部门没有登记", "请填写已登记部门的代码", sheet.letters))
        elif not reach.covers(code):
            step = "请只填本部门及所辖乡镇街道的系统"
            faults.append(each.fault("department_code", "不是本部门", step, sheet.letters))
    return faults


def _row(facts: Mapping[str, str], actor: Actor) -> dict[str, object]:
    rest = {name: value for name, value in facts.items() if name not in {"name", "department_code", "verdict"}}
    return {
        "department_code": facts.get("department_code") or actor.department,
        "name": facts["name"],
        "verdict": _VERDICTS[facts["verdict"]],
        "facts": {name: value for name, value in rest.items() if value},
    }


@use_case("system.report")
def systems_without_entries(hub: Hub, actor: Actor) -> SurveyFile:
    """Writes the systems in use that no entry comes from, as a workbook in the columns of the survey."""
    with hub.transaction() as connection:
        found = _systems(connection, reach_of(connection, actor))
        left = [each for each in found if not each.registered and each.verdict != "clean"]
        record(connection, hub, actor, "system.report", None, row_count=len(left))
    if not left:
        raise InputError("没有未编目的信息系统", "", "保留和整合的系统都已有目录条目", code="SURVEY_COMPLETE")
    own = [
        dict(each.facts) | {"name": each.name, "department_code": each.department_code, "verdict": each.verdict_name}
        for each in left
    ]
    return SurveyFile("未编目信息系统.xlsx", write(own))
