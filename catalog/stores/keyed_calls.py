"""What calls by key leave behind: answers by request id, keys of a day, misses, interests, disputes, dataset facts."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, Connection, LargeBinary, any_, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from catalog.stores.audit import EVENT, Event, values_of
from catalog.tables_auditing import audit_events
from catalog.tables_keyed import client_calls, key_days, key_interests, row_disputes, verify_misses


@dataclass(frozen=True, slots=True)
class Served:
    """What is served of a dataset now, with what an answer says of it; version 0: nothing is published yet."""

    version: int
    data_time: datetime | None
    published_at: datetime | None
    declared_at: datetime | None
    disputes: bool


_SERVED = text("""
select d.current_version as version, d.data_time,
       (select v.published_at from hub.dataset_versions v
        where v.dataset = d.dataset and v.version = d.current_version) as published_at,
       (select max(u.uploaded_at) from hub.uploads u
        where u.dataset = d.dataset and u.state = 'declared') as declared_at,
       exists (select 1 from hub.row_disputes r where r.dataset = d.dataset) as disputes
from hub.datasets d where d.dataset = :dataset
""")


def served(connection: Connection, dataset: str) -> Served:
    """Says what is served of a dataset."""
    row = connection.execute(_SERVED, {"dataset": dataset}).one_or_none()
    return Served(0, None, None, None, False) if row is None else Served(**row._asdict())


# Made once: every call runs them, and building a statement costs more than running it.
_FIND_CALL = select(client_calls.c.digest, client_calls.c.sealed).where(
    client_calls.c.caller == bindparam("caller"), client_calls.c.request_id == bindparam("request_id")
)
_ADD_CALL = insert(client_calls).on_conflict_do_nothing()
_MISSES = select(verify_misses.c.key_hash, verify_misses.c.times).where(
    verify_misses.c.grant_number == bindparam("grant"),
    verify_misses.c.day == bindparam("day"),
    verify_misses.c.key_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))),
)


def find_call(connection: Connection, caller: str, request_id: str) -> tuple[bytes, bytes] | None:
    """Finds the digest and the sealed answer of a call."""
    row = connection.execute(_FIND_CALL, {"caller": caller, "request_id": request_id}).one_or_none()
    return None if row is None else (row.digest, row.sealed)


def add_call(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Records a call; says whether its request id was new. Waits for another transaction that has the same."""
    return connection.execute(_ADD_CALL, values, execution_options={"preserve_rowcount": True}).rowcount == 1


# The event goes as one JSON value: binding its columns one by one took as long as writing them.
_EVENT = ", ".join(column.name for column in EVENT)
_ADD_ANSWERED = text(f"""
with made as (
    insert into {client_calls.fullname} (caller, request_id, digest, sealed, at)
    values (:caller, :request_id, :digest, :sealed, :at) on conflict do nothing returning caller
)
insert into {audit_events.fullname} ({_EVENT})
select {_EVENT} from made, jsonb_populate_record(cast(null as {audit_events.fullname}), cast(:event as jsonb))
returning seq
""")


def add_answered(connection: Connection, call: Mapping[str, Any], event: Event) -> bool:
    """Records a call and its event in one statement; says whether its request id was new. If not, neither is there."""
    written = json.dumps(values_of(event), ensure_ascii=False, default=datetime.isoformat)
    return connection.execute(_ADD_ANSWERED, {**call, "event": written}).scalar_one_or_none() is not None


def drop_calls(connection: Connection, before: datetime) -> int:
    """Removes answers that are older."""
    return connection.execute(delete(client_calls).where(client_calls.c.at < before)).rowcount


def drop_counts(connection: Connection, before: date) -> None:
    """Removes reserved keys and misses of days before one."""
    connection.execute(delete(key_days).where(key_days.c.day < before))
    connection.execute(delete(verify_misses).where(verify_misses.c.day < before))


def reserve(connection: Connection, grant: str, day: date, keys: int, limit: int) -> bool:
    """Adds keys to a day of a grant, unless that would pass its limit; says whether it did."""
    if keys > limit:
        return False
    table = key_days
    statement = insert(table).values(grant_number=grant, day=day, keys=keys)
    statement = statement.on_conflict_do_update(
        index_elements=["grant_number", "day"],
        set_={"keys": table.c["keys"] + statement.excluded["keys"]},
        where=table.c["keys"] + statement.excluded["keys"] <= limit,
    )
    return connection.execute(statement.returning(table.c["keys"])).one_or_none() is not None


def reserved(connection: Connection, grant: str, day: date) -> int:
    """Returns the keys reserved on a day."""
    query = select(key_days.c["keys"]).where(key_days.c.grant_number == grant, key_days.c.day == day)
    return int(connection.execute(query).scalar() or 0)


def misses(connection: Connection, grant: str, hashes: Collection[bytes], day: date) -> dict[bytes, int]:
    """Returns how often verifications of subjects did not match on a day."""
    wanted = {"grant": grant, "day": day, "hashes": list(hashes)}
    return {row.key_hash: row.times for row in connection.execute(_MISSES, wanted)}


def add_misses(connection: Connection, grant: str, hashes: Sequence[bytes], day: date) -> None:
    """Counts one more miss of each subject; in one order, so that two transactions don't wait for each other."""
    for key_hash in sorted(set(hashes)):
        statement = insert(verify_misses).values(grant_number=grant, key_hash=key_hash, day=day, times=1)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["grant_number", "key_hash", "day"], set_={"times": verify_misses.c.times + 1}
            )
        )


def disputed(connection: Connection, dataset: str, hashes: Collection[bytes]) -> frozenset[bytes]:
    """Returns which rows are disputed, by row key hash."""
    query = select(row_disputes.c.key_hash).where(
        row_disputes.c.dataset == dataset, row_disputes.c.key_hash.in_(list(hashes))
    )
    return frozenset(connection.execute(query).scalars())


def mark_disputed(connection: Connection, dataset: str, key_hash: bytes, reference: str, now: datetime) -> None:
    """Marks a row as disputed, naming the work order."""
    values = {"dataset": dataset, "key_hash": key_hash, "reference": reference, "since": now}
    connection.execute(insert(row_disputes).values(**values).on_conflict_do_nothing())


def add_interests(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Records interest in keys; returns how many are new."""
    statement = insert(key_interests).on_conflict_do_nothing().returning(key_interests.c.key_hash)
    return len(connection.execute(statement, list(rows)).all())


def end_interests(connection: Connection, department: str, grant: str, hashes: Collection[bytes] | None) -> int:
    """Ends the interest in keys (None: all of the grant's); returns how many."""
    where = [key_interests.c.department_code == department, key_interests.c.grant_number == grant]
    if hashes is not None:
        where.append(key_interests.c.key_hash.in_(list(hashes)))
    return connection.execute(delete(key_interests).where(*where)).rowcount


def interests(connection: Connection, department: str, grant: str) -> frozenset[bytes]:
    """Returns the subject key hashes whose changes a department wants under a grant."""
    query = select(key_interests.c.key_hash).where(
        key_interests.c.department_code == department, key_interests.c.grant_number == grant
    )
    return frozenset(connection.execute(query).scalars())


_PENDING = text(
    "select exists (select 1 from hub.open_problems where dataset = :dataset and key_hash = any(:hashes) "
    "and closed_at is null)"
)


def waits_for_correction(connection: Connection, dataset: str, row_hashes: Collection[bytes]) -> bool:
    """Says whether a row of these row keys was received and has not passed the checks yet."""
    return bool(connection.execute(_PENDING, {"dataset": dataset, "hashes": list(row_hashes)}).scalar())
