"""Use-case of comparing two granted datasets by the keys of a workbook: which items differ, and what each source is.

Only items that leave in the same form from both (plain, or under the same mask) are compared; no value is given.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from catalog.stores.batch_jobs import BatchJob
from exchange.access import Actor
from exchange.audit import use_case
from exchange.hub import Hub
from exchange.keyed.batch import Upload, anew, begun, finished, note, purge
from exchange.keyed.batch_files import ITEMS, RESULT, read_keys, written
from exchange.keyed.calls import Asking, Call, Outcome, committed, opened, refusing
from exchange.keyed.checking import Row, rows_of_keys
from exchange.keyed.matching import Matcher, differing
from exchange.keyed.why import Why
from exchange.subjects import Candidate
from schemas.errors import Denied, IdentifierError, InputError

_PART = 1000
_SAYS = {
    "match": "一致", "differs": "不一致", "first": "仅第一个数据集有", "second": "仅第二个数据集有",
    "not_found": "未查到", "invalid": "号码无效",
}  # fmt: skip
Found = dict[int, Sequence[Row] | None]


@use_case("batch.between")
def between(hub: Hub, actor: Actor, dataset: str, other: str, upload: Upload, why: Why) -> BatchJob:
    """Compares what two datasets hold of each key of a workbook; both grants are asked, both quotas taken."""
    purge(hub, actor)
    with refusing(hub, actor, "batch.between", dataset, {"way": "compare", "other": other}):
        if dataset == other:
            raise InputError("两个数据集相同", "两个不同的数据集", "请另选一个", code="BETWEEN_SAME")
        filled = read_keys(upload.content, upload.key_column)
        why = replace(why, request_id="")
        asked = [
            Asking("batch.between", "compare", each, why, filled.keys, {"other": away}, many=True)
            for each, away in ((dataset, other), (other, dataset))
        ]
        made = [begun(hub, actor, each) for each in asked]
        items = _same_items(made)
        sides = [anew(hub, actor, each.dataset, lambda each=each: _side(hub, actor, each, items)) for each in asked]  # type: ignore[misc]
    titles = {item.name: item.title for item in made[0].ground.entry.items}
    results = [_one(first, second, items) for first, second in zip(*sides, strict=True)]
    cells = [(_SAYS[outcome], "、".join(titles[name] for name in wrong)) for outcome, wrong in results]
    notes = [f"第{place}个：{note(hub, actor, each)}" for place, each in (("一", dataset), ("二", other))]
    content = written(filled, cells, notes, (RESULT, ITEMS))
    return finished(hub, actor, made[0], upload, (Counter(outcome for outcome, _ in results), content))


def _same_items(made: Sequence[Call]) -> tuple[str, ...]:
    if not all(each.ground.layout_known for each in made):
        raise InputError("有数据集尚未同步", "两个数据集都已发布", "请待同步后再比对", code="DATASET_NOT_PUBLISHED")
    first, second = (each.ground.plan(each.grant).readable for each in made)
    found = tuple(name for name, item in first.items() if name in second and second[name].mask == item.mask)
    if not found:
        raise Denied(
            "两个授权没有可比的数据项", "两边同名、同为明文或同一脱敏规则的数据项", "请调整授权", code="BETWEEN_ITEMS"
        )
    return found


def _side(hub: Hub, actor: Actor, asking: Asking, items: Sequence[str]) -> list[Sequence[Row] | None]:
    """Reads one dataset's rows of every key; None for a key that is no number."""
    out: list[Sequence[Row] | None] = []
    for begin in range(0, len(asking.keys), _PART):
        made = opened(hub, actor, replace(asking, keys=asking.keys[begin : begin + _PART]))
        found: list[Sequence[Row] | None] = []
        committed(made, lambda connection, call, found=found: _part(connection, call, items, found))  # type: ignore[misc]
        out += found
    return out


def _part(connection: Connection, made: Call, items: Sequence[str], found: list[Sequence[Row] | None]) -> Outcome:
    matcher = Matcher(made.ground, made.ground.plan(made.grant), made.hub.clock.now())
    rows = rows_of_keys(connection, made, matcher, made.readings, list(items))
    found += [_held(each, rows) for each in made.readings]
    return Outcome({}, 0, tuple(items), "compared")


def _held(
    readings: tuple[Candidate, ...] | IdentifierError, rows: Mapping[bytes, Sequence[Row]]
) -> Sequence[Row] | None:
    if not isinstance(readings, tuple):
        return None
    return [row for each in readings for row in rows.get(each.key_hash, ())]


def _one(first: Sequence[Row] | None, second: Sequence[Row] | None, items: Sequence[str]) -> tuple[str, Sequence[str]]:
    if first is None or second is None:
        return "invalid", ()
    if not first or not second:
        return ("first" if first else "second" if second else "not_found"), ()
    rows = [row.values for row in second]
    wrong = min((differing({name: row.values[name] for name in items}, rows) for row in first), key=len)
    return ("differs" if wrong else "match"), wrong
