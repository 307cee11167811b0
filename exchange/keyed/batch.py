"""Use-cases of batch verification and comparison by workbook (批量核验、比对), within one granted dataset.

Purpose and quota of the whole workbook are checked before a row is read; every key is in the log; no value is given.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from catalog.stores import batch_jobs as store
from catalog.stores.batch_jobs import BatchJob
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.keyed import quota
from exchange.keyed.answers import SAYS, moment
from exchange.keyed.batch_files import ITEMS, RESULT, Filled, drop, drop_older, keep, kept, read, written
from exchange.keyed.calls import Asking, Call, Outcome, committed, is_outdated, opened, refusing
from exchange.keyed.checking import Result, check_keys
from exchange.keyed.prepared import Prepared, key_of, prepared
from exchange.keyed.why import Why
from exchange.sharing.usage import Use
from schemas.errors import Busy, InputError, NotFound
from schemas.rules.book import book

_PART = 1000


@dataclass(frozen=True, slots=True)
class Upload:
    """A workbook with the heading of its key column and, where headings are no titles, the item of each column."""

    file_name: str
    content: bytes
    key_column: str = ""
    columns: Mapping[str, str] | None = None


@use_case("batch.run")
def run(hub: Hub, actor: Actor, dataset: str, upload: Upload, why: Why) -> BatchJob:
    """Verifies every row of a workbook; the same rows come back with 一致, 不一致(项), 未查到 or 号码无效."""
    purge(hub, actor)
    with refusing(hub, actor, "batch.run", dataset, {"way": "compare"}):
        ground = prepared(hub, actor, dataset)
        filled = read(upload.content, upload.key_column, upload.columns or {}, ground.entry)
        body = {"columns": list(filled.values)}
        asking = Asking("batch.run", "compare", dataset, replace(why, request_id=""), filled.keys, body, many=True)
        made = begun(hub, actor, asking)
        results = anew(hub, actor, dataset, lambda: _checked(hub, actor, made.asking, filled))
    titles = {item.name: item.title for item in ground.entry.items}
    cells = [(SAYS[each.outcome], "、".join(titles[name] for name in each.differing)) for each in results]
    content = written(filled, cells, [note(hub, actor, dataset)], (RESULT, ITEMS))
    return finished(hub, actor, made, upload, (Counter(each.outcome for each in results), content))


def begun(hub: Hub, actor: Actor, asking: Asking) -> Call:
    """Checks the reasons and takes the quota of every key of the workbook."""
    if len(asking.keys) > int(book().number("BATCH_KEYS")):
        raise InputError(
            "号码过多", f"不超过{int(book().number('BATCH_KEYS'))}个", "请拆分后重试", code="KEYS_TOO_MANY"
        )
    made = opened(hub, actor, replace(asking, keys=()))
    quota.take(hub, made.grant, len(asking.keys))
    quota.count(hub, Use(made.grant.number, "compare", 1, len(asking.keys), 0))
    return replace(made, asking=asking)


def anew(hub: Hub, actor: Actor, dataset: str, work: Callable[[], list[Any]]) -> list[Any]:
    """Works over one version of the data; a new one meanwhile begins the whole anew."""
    for _ in range(3):
        try:
            return work()
        except Exception as error:
            if not is_outdated(error):
                raise
            hub.keyed.forget(key_of(actor, dataset))
    raise Busy("数据正在发布新版本", "", "请稍后重试", code="DATASET_CHANGING")


def _checked(hub: Hub, actor: Actor, asking: Asking, filled: Filled) -> list[Result]:
    results: list[Result] = []
    for begin in range(0, len(filled.keys), _PART):
        part = slice(begin, begin + _PART)
        # Asked for anew with each part: a grant that is revoked meanwhile ends the batch.
        made = opened(hub, actor, replace(asking, keys=filled.keys[part]))
        given = {item: values[part] for item, values in filled.values.items()}
        found: list[Result] = []
        committed(made, lambda connection, call, given=given, found=found: _part(connection, call, given, found))  # type: ignore[misc]
        results += found
    return results


def _part(
    connection: Connection, made: Call, given: Mapping[str, Sequence[str | None]], found: list[Result]
) -> Outcome:
    checked = check_keys(connection, made, given)
    found += checked.results
    outcome = "match" if all(each.outcome == "match" for each in found) else "compared"
    return Outcome({}, 0, tuple(given), outcome, checked.missed)


def note(hub: Hub, actor: Actor, dataset: str) -> str:
    """Says what a result rests on: source, version, data time, lateness."""
    ground: Prepared = prepared(hub, actor, dataset)
    late = ground.hours_late(hub.clock.now())
    return (
        f"来源：{ground.provider_name}“{ground.entry.title}”，版本{ground.version}，"
        f"数据截至{moment(ground.served.data_time) or '（尚未同步）'}{'，更新延迟' if late is not None else ''}"
    )


def finished(hub: Hub, actor: Actor, made: Call, upload: Upload, result: tuple[Mapping[str, int], bytes]) -> BatchJob:
    """Keeps a result for a day and records the batch."""
    counts, content = result
    now, job = hub.clock.now(), secrets.token_hex(10)
    stored = BatchJob(
        id=job, kind=made.asking.action.partition(".")[2], department_code=actor.department or "",
        dataset=made.asking.dataset, other=made.asking.body.get("other"), grant_number=made.grant.number,
        purpose=made.reasons.purpose, case_no=made.reasons.case_no or made.reasons.intake_no,
        file_name=upload.file_name.replace("\\", "/").rpartition("/")[2][-100:], rows=len(made.asking.keys),
        counts=dict(counts), made_by=actor.name, made_at=now,
        kept_until=now + timedelta(hours=book().number("BATCH_HOURS")),
    )  # fmt: skip
    keep(hub, job, content)
    with hub.transaction() as connection:
        store.add(connection, stored)
        detail = {"batch": job, "way": "compare", "counts": dict(counts), "outcome": "match"}
        record(connection, hub, actor, made.asking.action, made.asking.dataset, detail=detail,
               row_count=0, purpose_code=made.reasons.purpose, grant_id=made.grant.number)  # fmt: skip
    return stored


@use_case("batch.list")
def list_batches(hub: Hub, actor: Actor) -> list[BatchJob]:
    """Lists the batches of one's department."""
    purge(hub, actor)
    with hub.transaction() as connection:
        found = store.list_of(connection, actor.department or "")
        record(connection, hub, actor, "batch.list", None, row_count=len(found))
    return found


@use_case("batch.result")
def result(hub: Hub, actor: Actor, job: str) -> tuple[str, bytes]:
    """Returns the name and content of a result, for who made it, within a day; raises NotFound."""
    purge(hub, actor)
    with hub.transaction() as connection:
        held = store.find(connection, job)
        mine = held is not None and held.made_by == actor.name and held.department_code == actor.department
        content = kept(hub, job) if held is not None and mine and held.removed_at is None else None
        if content is not None and held is not None:
            record(connection, hub, actor, "batch.result", job, row_count=0, grant_id=held.grant_number)
    if content is None or held is None:
        hours = int(book().number("BATCH_HOURS"))
        raise NotFound("没有这份结果", f"本人办理的、{hours}小时内的结果", "请重新办理批量核验", code="BATCH_GONE")
    return f"核验结果-{held.file_name.rpartition('.')[0] or held.file_name}.xlsx", content


def purge(hub: Hub, actor: Actor) -> int:
    """Removes results whose day is over; returns how many. The file goes first, so that no event says too much."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        gone = store.over(connection, now)
    for each in gone:
        drop(hub, each.id)
        with hub.transaction() as connection:
            store.removed(connection, each.id, now)
            record(connection, hub, actor, "batch.result", each.id, detail={"removed": "result"})
    drop_older(hub, now - timedelta(hours=book().number("BATCH_HOURS") + 1))
    return len(gone)
