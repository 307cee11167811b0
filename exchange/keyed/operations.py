"""The five operations by key: fetch 调用, reuse 复用, verify 核对, compare 比对, subscribe 订阅.

Each names its reasons (`Why`); each answer names version and data time. Verify and compare give no value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from catalog.stores import keyed_calls as store
from exchange.access import Actor
from exchange.audit import use_case
from exchange.hub import Hub
from exchange.keyed.answers import DISPUTED, SAYS, facts, missing, provenance, rows_of
from exchange.keyed.calls import Answer, Asking, Call, Outcome, call, outdated
from exchange.keyed.checking import check_keys
from exchange.keyed.why import Why
from lake.one_look import Found, served_in_one_look
from schemas.errors import Denied, InputError
from schemas.grants import Way
from schemas.identifiers import citizen_id, uscc
from schemas.rules.book import book


@dataclass(frozen=True, slots=True)
class KeyToCompare:
    """One key with the values that the caller holds."""

    key: str
    values: Mapping[str, str | None]


@use_case("keyed.fetch")
def fetch(hub: Hub, actor: Actor, dataset: str, key: str, why: Why, items: Sequence[str] = ()) -> Answer:
    """Gives the granted items of the rows that name a subject (调用)."""
    return call(hub, actor, _asking("keyed.fetch", "lookup", dataset, key, why, items), _look)


@use_case("keyed.reuse")
def reuse(hub: Hub, actor: Actor, dataset: str, key: str, why: Why, items: Sequence[str] = ()) -> Answer:
    """Gives the same for filling in a form, with where it comes from and for which case (复用)."""
    return call(hub, actor, _asking("keyed.reuse", "reuse", dataset, key, why, items), _look)


def _asking(action: str, way: Way, dataset: str, key: str, why: Why, items: Sequence[str]) -> Asking:
    return Asking(action, way, dataset, why, (key,), {"key": key, "items": list(items)})


def _look(connection: Connection, made: Call) -> Outcome:
    extra = {"provenance": provenance(made)} if made.asking.way == "reuse" else {}
    if not made.ground.layout_known:
        return Outcome(facts(made, "not_synced") | {"rows": []} | extra, 0, (), "not_synced")
    plan = made.ground.plan(made.grant)
    names = _wanted(made, list(plan.readable))
    found = served_in_one_look(connection, plan, made.asked())
    if found.comment != made.ground.comment:
        raise outdated()
    granted = plan.granted_rows(found.rows, made.ground.coder)
    opened = plan.opened(granted, made.ground.coder, names).to_pylist()
    outcome = "found" if opened else missing(connection, made, *_read(made))
    rows = rows_of(connection, made, Found(granted, found.comment), opened)
    answer = facts(made, outcome) | {"rows": rows} | extra
    return Outcome(answer, len(rows), tuple(names), outcome)


def _wanted(made: Call, readable: list[str]) -> list[str]:
    asked = made.asking.body["items"]
    wrong = [name for name in asked if name not in readable]
    if wrong or not readable:
        titles = "、".join(f"{made.ground.entry.item(name).title}（{name}）" for name in readable) or "无"
        raise Denied("要查询的数据项不在授权内", f"已授权：{titles}", "请只查询授权的数据项", code="ITEM_NOT_GRANTED")
    return list(dict.fromkeys(asked)) or readable


def _read(made: Call) -> tuple[Any, str]:
    key = made.asking.keys[0]
    known = next((each.normalised for each in (citizen_id(key), uscc(key)) if each.ok and each.normalised), key.strip())
    readings = made.readings[0]
    return (readings if isinstance(readings, tuple) else (), known)


@use_case("keyed.verify")
def verify(hub: Hub, actor: Actor, dataset: str, key: str, values: Mapping[str, str | None], why: Why) -> Answer:
    """Says whether the sent values agree: match, or the names of the items that differ; never a value (核对)."""
    body = {"key": key, "values": dict(values)}
    return call(hub, actor, Asking("keyed.verify", "verify", dataset, why, (key,), body), _verify)


def _verify(connection: Connection, made: Call) -> Outcome:
    values = made.asking.body["values"]
    checked = check_keys(connection, made, {name: [value] for name, value in values.items()})
    result = checked.results[0]
    outcome = result.outcome
    if outcome == "refused":
        raise Denied(
            "该主体今日核对不一致的次数已达上限", f"每日不超过{int(book().number('VERIFY_MISSES'))}次",
            "请核对申请人提交的材料，或联系提供部门", code="VERIFY_MISSES",
        )  # fmt: skip
    if outcome == "not_found":
        outcome = missing(connection, made, *_read(made))
    answer = facts(made, outcome) | {"differing": list(result.differing)}
    if result.disputed:
        answer["notices"] = [*answer["notices"], DISPUTED]
    return Outcome(answer, 0, tuple(values), outcome, checked.missed)


@use_case("keyed.compare")
def compare(hub: Hub, actor: Actor, dataset: str, keys: Sequence[KeyToCompare], why: Why) -> Answer:
    """Compares up to 1,000 keys with the values that the caller holds; no value is given (比对)."""
    body = {"keys": [{"key": each.key, "values": dict(each.values)} for each in keys]}
    numbers = tuple(each.key for each in keys)
    asking = Asking("keyed.compare", "compare", dataset, why, numbers, body, many=True)
    return call(hub, actor, asking, _compare)


def _compare(connection: Connection, made: Call) -> Outcome:
    sent = [each["values"] for each in made.asking.body["keys"]]
    names = list(sent[0])
    if any(list(each) != names for each in sent):
        raise InputError("各号码要比对的数据项不同", "一次比对的数据项须相同", "请分次比对", code="COMPARE_ITEMS")
    checked = check_keys(connection, made, {name: [each[name] for each in sent] for name in names})
    results = [
        {"outcome": each.outcome, "says": SAYS[each.outcome], "differing": list(each.differing)}
        | ({"notice": DISPUTED} if each.disputed else {})
        for each in checked.results
    ]
    counts = {name: sum(each.outcome == name for each in checked.results) for name in SAYS}
    answer = facts(made, "compared") | {"says": "已比对", "results": results}
    answer["counts"] = {name: number for name, number in counts.items() if number}
    outcome = "match" if counts["match"] == len(results) else "compared"
    return Outcome(answer, 0, tuple(names), outcome, checked.missed)


@use_case("keyed.subscribe")
def subscribe(hub: Hub, actor: Actor, dataset: str, keys: Sequence[str], why: Why) -> Answer:
    """Records interest in changes of the listed keys; they are delivered with the department's subscription (订阅)."""
    asking = Asking("keyed.subscribe", "subscription", dataset, why, tuple(keys), {"keys": list(keys)}, many=True)
    return call(hub, actor, asking, _subscribe)


def _subscribe(connection: Connection, made: Call) -> Outcome:
    hub, actor = made.hub, made.actor
    hashes = list(dict.fromkeys(each.key_hash for each in made.asked()))
    rows = [
        {
            "department_code": actor.department, "grant_number": made.grant.number, "key_hash": key_hash,
            "dataset": made.asking.dataset, "added_by": actor.name, "since": hub.clock.now(),
        }
        for key_hash in hashes
    ]  # fmt: skip
    added = store.add_interests(connection, rows) if rows else 0
    invalid = [place for place, found in enumerate(made.readings) if not isinstance(found, tuple)]
    answer = facts(made, "subscribed") | {"says": "已订阅", "added": added, "invalid": invalid}
    return Outcome(answer, 0, (), "subscribed")


@use_case("keyed.unsubscribe")
def unsubscribe(hub: Hub, actor: Actor, dataset: str, keys: Sequence[str], why: Why) -> Answer:
    """Ends the interest in the listed keys."""
    asking = Asking("keyed.unsubscribe", "subscription", dataset, why, tuple(keys), {"ended": list(keys)}, many=True)
    return call(hub, actor, asking, _unsubscribe)


def _unsubscribe(connection: Connection, made: Call) -> Outcome:
    hashes = [each.key_hash for each in made.asked()]
    ended = store.end_interests(connection, made.actor.department or "", made.grant.number, hashes)
    return Outcome(facts(made, "unsubscribed") | {"says": "已取消", "ended": ended}, 0, (), "unsubscribed")
