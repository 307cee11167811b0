"""Use-case of the overview (概览): the day of an administrator or a department on one page, in a few set queries.

Also what a monitor reads: the hub's readiness and its figures, without any personal data.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import day as store
from catalog.stores.day import Age, OpenProblems, StateCount
from catalog.stores.entries import State
from catalog.tables import RUN_STATES
from exchange.access import Actor, allowed
from exchange.audit import record, use_case
from exchange.batches import RunLine, line_of
from exchange.hub import Hub
from exchange.scheduler import Health, scheduler_of
from exchange.schedules import update_cycles
from exchange.scope import reach_of
from exchange.tasks import TaskView, list_tasks
from schemas.codes.loader import code_set
from schemas.glossary import word
from schemas.rules.book import book

SHANGHAI = ZoneInfo("Asia/Shanghai")
_SHOWN = 10
_IN_FORCE = (State.PUBLISHED, State.REVOKE_PENDING, State.REVOKE_REJECTED)


@dataclass(frozen=True, slots=True)
class CycleLine:
    """How many entries of an update cycle are in time, late, seriously late."""

    cycle: str
    name: str
    entries: int
    late: int
    very_late: int


@dataclass(frozen=True, slots=True)
class LateEntry:
    """An entry whose data is older than its update cycle allows."""

    dataset: str
    title: str
    department_name: str
    cycle_name: str
    data_time: datetime | None
    hours_over: float
    very_late: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The day: None where the person's role does not watch syncs."""

    today: dict[str, int]
    state_names: dict[str, str]
    held: int
    failed: int
    waiting: tuple[RunLine, ...]
    recent: tuple[RunLine, ...]
    entries: int
    attached: int
    cycles: tuple[CycleLine, ...]
    late: tuple[LateEntry, ...]
    late_count: int
    very_late_count: int
    problems: int
    problem_datasets: tuple[OpenProblems, ...]
    tasks: tuple[TaskView, ...]
    task_count: int
    overdue_tasks: int
    watches: bool
    scheduler: Health


@dataclass(frozen=True, slots=True)
class Ages:
    """How old the data of the attached entries is, by update cycle and one by one."""

    cycles: tuple[CycleLine, ...]
    late: tuple[LateEntry, ...]
    attached: int


@cache
def cycle_names() -> dict[str, str]:
    """Returns the update cycles by code."""
    return dict(code_set("update_cycle").codes)


@use_case("overview.show")
def show_overview(hub: Hub, actor: Actor) -> Overview:
    """Shows the day within the actor's reach: syncs, late entries, held and failed batches, problems, tasks."""
    watches = allowed(actor, "run.list")
    tasks = list_tasks(hub, actor)
    now = hub.clock.now()
    with hub.transaction() as connection:
        codes = reach_of(connection, actor).codes if watches else frozenset()
        since = datetime.combine(now.astimezone(SHANGHAI).date(), time(), SHANGHAI).astimezone(UTC)
        counts = store.state_counts(connection, codes, since)
        waiting = store.waiting(connection, codes, _SHOWN)
        recent = store.page(connection, codes, store.Wanted(begun_from=since, limit=_SHOWN))
        ages = store.ages(connection, codes, _IN_FORCE)
        late = _late(ages, update_cycles(hub, connection), now)
        problems = store.problems(connection, codes)
        record(connection, hub, actor, "overview.show", None)
    return Overview(
        today=_today(counts),
        state_names={state: word(state) for state in RUN_STATES},
        held=_waiting(counts, "held"),
        failed=_waiting(counts, "failed"),
        waiting=tuple(line_of(each) for each in waiting),
        recent=tuple(line_of(each) for each in recent),
        entries=len(ages),
        attached=late.attached,
        cycles=late.cycles,
        late=late.late[:_SHOWN],
        late_count=len(late.late),
        very_late_count=sum(each.very_late for each in late.late),
        problems=sum(each.problems for each in problems),
        problem_datasets=tuple(problems[:_SHOWN]),
        tasks=tuple(tasks[:_SHOWN]),
        task_count=len(tasks),
        overdue_tasks=sum(task.overdue for task in tasks),
        watches=watches,
        scheduler=scheduler_of(hub.settings).health(),
    )


def _today(counts: dict[str, StateCount]) -> dict[str, int]:
    return {state: counts[state].today for state in RUN_STATES if state in counts and counts[state].today}


def _waiting(counts: dict[str, StateCount], state: str) -> int:
    return counts[state].waiting if state in counts else 0


def _late(ages: list[Age], cycles_of: dict[str, str], now: datetime) -> Ages:
    """Measures each attached entry's data against its update cycle (domain.md 3.8)."""
    names, late = cycle_names(), []
    counts: Counter[tuple[str, str]] = Counter()
    for age in ages:
        cycle = cycles_of.get(age.dataset)
        if cycle is None or cycle not in names:
            continue
        over, very = _over(age, cycle, now)
        counts[cycle, "very" if very else "late" if over > 0 else "fine"] += 1
        if over > 0:
            who = (age.dataset, age.title, age.department_name, names[cycle])
            late.append(LateEntry(*who, _newest(age), round(over, 1), very))
    cycles = [
        CycleLine(cycle, name, sum(found), found[1], found[2])
        for cycle, name in names.items()
        if any(found := [counts[cycle, kind] for kind in ("fine", "late", "very")])
    ]
    late.sort(key=lambda each: (not each.very_late, -each.hours_over, each.dataset))
    return Ages(tuple(cycles), tuple(late), sum(counts.values()))


def _newest(age: Age) -> datetime | None:
    """Returns the data's time: the newest batch's, or when the provider declared that nothing changed (零报告)."""
    return max((moment for moment in (age.data_time, age.declared_at) if moment), default=None)


def _over(age: Age, cycle: str, now: datetime) -> tuple[float, bool]:
    """Returns by how many hours the data is late (0: it is not), and whether seriously so.

    An entry that has no data yet is measured from the day on which it was published.
    """
    since = _newest(age)
    if since is None:
        if age.publish_date is None:
            return 0.0, False
        since = datetime.combine(age.publish_date, time(), SHANGHAI) + timedelta(days=1)
    hours = (now - since).total_seconds() / 3600
    limit, most = book().number(f"CYCLE_{cycle}_LATE"), book().number(f"CYCLE_{cycle}_VERY_LATE")
    return max(hours - limit, 0.0), hours > most


@dataclass(frozen=True, slots=True)
class Figures:
    """What a monitor reads; names of published datasets only."""

    entries: int
    attached: int
    runs_today: dict[str, int]
    held: int
    failed: int
    late: int
    very_late: int
    problems: dict[str, int]
    data_age: dict[str, float]
    rows: dict[str, int]


def figures(hub: Hub) -> Figures:
    """Returns the hub's figures for a monitor."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        since = datetime.combine(now.astimezone(SHANGHAI).date(), time(), SHANGHAI).astimezone(UTC)
        ages = store.ages(connection, None, _IN_FORCE)
        known = {age.dataset for age in ages}
        late = _late(ages, update_cycles(hub, connection), now)
        counts = store.state_counts(connection, None, since)
        return Figures(
            entries=len(ages),
            attached=late.attached,
            runs_today=_today(counts),
            held=_waiting(counts, "held"),
            failed=_waiting(counts, "failed"),
            late=sum(not each.very_late for each in late.late),
            very_late=sum(each.very_late for each in late.late),
            problems={each.dataset: each.problems for each in _problems(connection) if each.dataset in known},
            data_age={age.dataset: (now - age.data_time).total_seconds() for age in ages if age.data_time},
            rows={age.dataset: age.rows for age in ages if age.rows is not None},
        )


def _problems(connection: Connection) -> list[OpenProblems]:
    return store.problems(connection, None)
