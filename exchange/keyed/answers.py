"""What an answer by key says beside its rows: version, data time, lateness, disputes. Writes values for JSON."""

import base64
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from catalog.stores import keyed_calls as store
from exchange.keyed.calls import Call
from exchange.subjects import Candidate
from lake.layout import subject_column
from lake.one_look import Found

_BEIJING = timezone(timedelta(hours=8))
SAYS = {
    "found": "查到",
    "match": "一致",
    "differs": "不一致",
    "not_found": "未查到",
    "not_synced": "尚未同步",
    "invalid": "号码无效",
    "refused": "核对不一致次数过多",
}
DISPUTED = "该记录有异议，正在核实，照常办理"


def facts(made: Call, outcome: str) -> dict[str, Any]:
    """Returns what every answer says: of which version, as of when, how late, with what outcome."""
    ground, now = made.ground, made.hub.clock.now()
    late = ground.hours_late(now)
    notices = [f"更新延迟：已超过更新周期{late:g}小时"] if late is not None else []
    if outcome == "not_found" and late is not None:
        notices.append("数据更新延迟，也可能尚未同步")
    return {
        "dataset": ground.entry.dataset,
        "title": ground.entry.title,
        "entry_code": ground.entry_code,
        "version": ground.version,
        "data_time": moment(ground.served.data_time),
        "published_at": moment(ground.served.published_at),
        "hours_late": late,
        "outcome": outcome,
        "says": SAYS.get(outcome, outcome),
        "notices": notices,
        "grant": made.grant.number,
        "answered_at": moment(now),
    }


def provenance(made: Call) -> dict[str, Any]:
    """Says where reused data comes from and for which case it was given (复用来源)."""
    ground, why = made.ground, made.reasons
    return {
        "provider": ground.provider_name,
        "provider_code": ground.entry.provider_code,
        "entry_code": ground.entry_code,
        "entry_version": ground.entry.version,
        "dataset": ground.entry.dataset,
        "dataset_version": ground.version,
        "data_time": moment(ground.served.data_time),
        "grant": made.grant.number,
        "request": made.grant.request,
        "purpose": why.purpose,
        "case_no": why.case_no,
        "intake_no": why.intake_no,
    }


def moment(value: datetime | None) -> str | None:
    """Writes a moment in Beijing time."""
    return None if value is None else value.astimezone(_BEIJING).isoformat(timespec="seconds")


def written(value: Any) -> Any:
    """Writes a value for JSON: dates and decimals as texts, bytes as Base64."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date | Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return [written(each) for each in value] if isinstance(value, list) else value


def missing(connection: Connection, made: Call, readings: Sequence[Candidate], normalised: str) -> str:
    """Tells what is not found from what was received and is not published yet (its row waits for correction)."""
    row_key, subjects = made.ground.coder.layout.row_key, made.ground.coder.layout.subjects
    if len(row_key) != 1 or row_key[0] not in {column.name for column in subjects} or not readings:
        return "not_found"
    hashes = [made.ground.coder.row_key_hash(normalised)]
    waits = store.waits_for_correction(connection, made.ground.entry.dataset, hashes)
    return "not_synced" if waits else "not_found"


def rows_of(
    connection: Connection, made: Call, found: Found, opened: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Joins the opened values with the roles of the subject in each row, and what is to be said of the row."""
    at_rest, dataset = found.rows, made.ground.entry.dataset
    keys = at_rest.column("key_hash").to_pylist()
    disputed = store.disputed(connection, dataset, keys) if made.ground.served.disputes and keys else frozenset()
    marks = at_rest.select([name for name in at_rest.schema.names if name.startswith("s_")]).to_pylist()
    stale = at_rest.column("stale_since").to_pylist()
    out = []
    for place, values in enumerate(opened):
        row: dict[str, Any] = {"values": {name: written(value) for name, value in values.items()}}
        row["roles"] = _roles(made, marks[place])
        if keys[place] in disputed:
            row["disputed"] = DISPUTED
        if stale[place] is not None:
            row["stale_since"] = moment(stale[place])
        out.append(row)
    return out


def _roles(made: Call, marks: Mapping[str, bytes | None]) -> list[str]:
    allowed = made.ground.plan(made.grant).lookup_items
    subjects = {
        item.name: item.subject.role for item in made.ground.entry.items if item.subject and item.name in allowed
    }
    hashes = {each.key_hash: each.items for each in made.asked()}
    found = [
        role for name, role in subjects.items()
        if (value := marks.get(subject_column(name))) is not None and name in hashes.get(value, ())
    ]  # fmt: skip
    return list(dict.fromkeys(found))
