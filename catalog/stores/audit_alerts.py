"""Alerts over the audit log: measuring accounts, keeping what passed a threshold. Holds accounts, no person's value."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_auditing import audit_alerts


@dataclass(frozen=True, slots=True)
class Measured:
    """What an account did in a span of time: `measured` persons (or failures), `event_id` the newest event counted."""

    actor_id: str
    actor_name: str
    dept_code: str | None
    span: str
    measured: int
    event_id: int


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands."""

    id: int
    rule: str
    actor_id: str
    actor_name: str
    dept_code: str | None
    span: str
    measured: int
    allowed: int
    event_id: int
    state: str
    opinion: str | None
    handled_by: str | None
    raised_at: datetime
    handled_at: datetime | None


# Persons: different key hashes, and for files whose subjects are not listed one by one their rows.
_PERSONS = """
    select actor_id, max(actor_name) actor_name, max(dept_code) dept_code, {span} span, max(seq) event_id,
           count(distinct hash) + coalesce(sum(rows), 0) measured
    from (
        select actor_id, actor_name, dept_code, ts at time zone 'Asia/Shanghai' at, seq, h.hash,
               case when h.hash is null then row_count end rows
        from hub.audit_events e left join lateral unnest(e.subject_key_hashes) h(hash) on true
        where ts >= :since and result = 'success' and channel <> 'scheduler'
          and (e.subject_key_hashes <> '{{}}'::text[] or (row_count > 0 and (action = 'EXPORT'
                   or detail->>'use_case' = 'query.run')))
          and object_type <> 'audit'
    ) one
    {where} group by actor_id, {span} having count(distinct hash) + coalesce(sum(rows), 0) {compare} :allowed
"""
_SPANS = {"hour": "to_char(at, 'YYYY-MM-DD HH24') || '时'", "day": "to_char(at, 'YYYY-MM-DD')"}
_NIGHT = "to_char(at - make_interval(hours => :until), 'YYYY-MM-DD') || ' 夜间'"
_NIGHT_WHERE = (
    "where case when :from > :until then extract(hour from at) >= :from or extract(hour from at) < :until "
    "else extract(hour from at) >= :from and extract(hour from at) < :until end"
)
# A verification is an event whose detail says `way: verify`; `outcome` is match, or what else it was.
_FAILED = """
    with each as (
        select actor_id, actor_name, dept_code, seq, to_char(ts at time zone 'Asia/Shanghai', 'YYYY-MM-DD') span,
               result <> 'success' or coalesce(detail->>'outcome', 'match') <> 'match' failed,
               count(*) filter (where result = 'success' and coalesce(detail->>'outcome', 'match') = 'match')
                   over (partition by actor_id order by seq) island
        from hub.audit_events where ts >= :since and detail->>'way' = 'verify'
    ), runs as (
        select actor_id, max(actor_name) actor_name, max(dept_code) dept_code, max(span) span, count(*) measured,
               max(seq) event_id
        from each where failed group by actor_id, island having count(*) >= :allowed
    )
    select distinct on (actor_id, span) * from runs order by actor_id, span, measured desc
"""


def persons(connection: Connection, span: str, since: datetime, allowed: int) -> list[Measured]:
    """Lists accounts that looked at more than `allowed` different subjects in one hour or day of Beijing time."""
    statement = _PERSONS.format(span=_SPANS[span], where="", compare=">")
    return _measured(connection, statement, {"since": since, "allowed": allowed})


def at_night(connection: Connection, since: datetime, hours: tuple[int, int], allowed: int) -> list[Measured]:
    """Lists accounts that looked at `allowed` subjects or more between two hours of Beijing time."""
    statement = _PERSONS.format(span=_NIGHT, where=_NIGHT_WHERE, compare=">=")
    return _measured(connection, statement, {"since": since, "allowed": allowed, "from": hours[0], "until": hours[1]})


def failed_verifies(connection: Connection, since: datetime, allowed: int) -> list[Measured]:
    """Lists accounts whose verifications failed `allowed` times or more in a row."""
    return _measured(connection, _FAILED, {"since": since, "allowed": allowed})


def _measured(connection: Connection, statement: str, given: dict[str, Any]) -> list[Measured]:
    names = [field.name for field in fields(Measured)]
    return [
        Measured(**{name: row[name] for name in names}) for row in connection.execute(text(statement), given).mappings()
    ]


def keep(connection: Connection, rule: str, found: Measured, allowed: int, now: datetime) -> bool:
    """Raises an alert, or brings an open one of the same span up to date; says whether it is new."""
    values = asdict(found) | {"rule": rule, "allowed": allowed, "raised_at": now}
    statement = insert(audit_alerts).values(**values)
    update = statement.on_conflict_do_update(
        index_elements=["rule", "actor_id", "span"],
        set_={"measured": found.measured, "event_id": found.event_id},
        where=(audit_alerts.c.state == "open") & (audit_alerts.c.measured < found.measured),
    ).returning(text("xmax = 0"))
    return bool(connection.execute(update).scalar())


def find(connection: Connection, *, state: str = "", before: int | None = None, limit: int = 50) -> list[Alert]:
    """Lists alerts newest first."""
    query = select(audit_alerts).order_by(audit_alerts.c.id.desc()).limit(limit)
    if state:
        query = query.where(audit_alerts.c.state == state)
    if before is not None:
        query = query.where(audit_alerts.c.id < before)
    return [Alert(**row._asdict()) for row in connection.execute(query)]


def find_locked(connection: Connection, number: int) -> Alert | None:
    """Returns an alert and locks it."""
    query = select(audit_alerts).where(audit_alerts.c.id == number).with_for_update()
    row = connection.execute(query).one_or_none()
    return Alert(**row._asdict()) if row else None


def handle(connection: Connection, number: int, opinion: str, who: str, now: datetime) -> None:
    """Marks an alert as handled."""
    values = {"state": "handled", "opinion": opinion, "handled_by": who, "handled_at": now}
    connection.execute(audit_alerts.update().where(audit_alerts.c.id == number).values(**values))
