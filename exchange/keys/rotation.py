"""Use-cases of keys: status, rotate, re-encrypt, retire. No key ever leaves the key file, no value is shown.

rotate → the new generation seals at once, everything stays readable → reencrypt (repeat until nothing is left)
       → retire, when a scan finds no value under the old generation
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from catalog.stores import datasets, runs
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.crypto import hash_keys
from exchange.hub import Hub
from exchange.keyfile import add_generation, hash_key, remove_generation
from exchange.keys.reencrypting import newest, steps
from exchange.keys.usage import Use, scan
from exchange.runs import working_on
from schemas.errors import InputError, StateError


@dataclass(frozen=True, slots=True)
class KeyView:
    """One generation: what it does, and how many values of which place are under it (by either suite).

    Of a `retired` one that makes the hashes only their keys are left.
    """

    generation: int
    created_at: str
    seals: bool
    hashes: bool
    values: int
    places: Mapping[str, int]
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """What a re-encryption rewrote, by place; `left` is how many values are still under another key."""

    places: Mapping[str, int]
    left: int


@use_case("keys.status")
def status(hub: Hub, actor: Actor) -> list[KeyView]:
    """Lists the generations with where each is in use."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "keys.status", None)
    return _views(hub, scan(hub))


@use_case("keys.rotate")
def rotate(hub: Hub, actor: Actor, reason: str) -> list[KeyView]:
    """Adds a generation under which every process seals from now on; what is sealed stays readable."""
    _require_reason(reason)
    following = str(hub.crypto.generation + 1)
    # The event first: a key must never come without a trace, and a trace of one that did not come is harmless.
    with hub.transaction() as connection:
        record(connection, hub, actor, "keys.rotate", following, detail={"generation": following, "reason": reason})
    add_generation(hub.settings.key_file, hub.clock.now())
    return _views(hub, scan(hub))


@use_case("keys.reencrypt")
def reencrypt(
    hub: Hub, actor: Actor, *, seconds: float | None = None, progress: Callable[[str, int], None] | None = None
) -> Reencrypted:
    """Rewrites what is under another key than the newest, for so many seconds at most; repeated, it goes on."""
    key = newest(hub)
    with hub.transaction() as connection:
        record(connection, hub, actor, "keys.reencrypt", key, detail={"begun": True})
    begun, done = time.monotonic(), Counter[str]()
    for place, count in steps(hub):
        done[place] += count
        if progress is not None:
            progress(place, count)
        if seconds is not None and time.monotonic() - begun > seconds:
            break
    left = sum(use.values for use in scan(hub) if use.key != newest(hub))
    with hub.transaction() as connection:
        detail = {"rewritten": dict(done), "left": left}
        record(connection, hub, actor, "keys.reencrypt", key, row_count=sum(done.values()), detail=detail)
    return Reencrypted(dict(done), left)


@use_case("keys.retire")
def retire(hub: Hub, actor: Actor, generation: int, reason: str) -> list[KeyView]:
    """Removes an old secret for good, once a scan under all datasets' locks finds nothing sealed under it.

    Old versions of the lake and rejected rows keep it in use until their retention is over (`retention apply`).
    """
    _require_reason(reason)
    with ExitStack() as stack:
        _still(hub, stack)
        used = [use for use in scan(hub) if _number(use.key) == generation]
        detail = {"generation": generation, "reason": reason, "used": {use.place: use.values for use in used}}
        if used:
            with hub.transaction() as connection:
                record(
                    connection, hub, actor, "keys.retire", str(generation), result="denied", error_code="KEY_IN_USE",
                    detail=detail,
                )  # fmt: skip
            raise _in_use(generation, used)
        # The event first: a key must never go without a trace, and a trace of a key that stayed is harmless.
        with hub.transaction() as connection:
            record(connection, hub, actor, "keys.retire", str(generation), detail=detail)
        hub.faults.reach("keys.retiring")
        held = next((root for root in hub.crypto.roots if root.generation == generation), None)
        keys = hash_keys(held.secret) if held is not None else {}
        remove_generation(hub.settings.key_file, generation, keys)
    return _views(hub, scan(hub))


def _still(hub: Hub, stack: ExitStack) -> None:
    """Keeps syncs out for as long as the scan and the removal take: one begun before the rotation seals as before."""
    with hub.transaction() as connection:
        known = [each.dataset for each in datasets.list_all(connection)]
        for dataset in known:
            if runs.find_in_states(connection, dataset, runs.UNFINISHED):
                raise StateError(
                    f"数据集 {dataset} 有未完成的批次", "退役密钥时不能有未完成的批次", "请等它完成或作废后重试",
                    code="KEY_BUSY",
                )  # fmt: skip
    for dataset in known:
        stack.enter_context(working_on(hub, dataset))


def _views(hub: Hub, uses: list[Use]) -> list[KeyView]:
    roots = list(hub.crypto.roots)
    hashing = hash_key(roots).generation
    views = []
    for root in roots:
        places = {f"{use.place} ({use.key})": use.values for use in uses if _number(use.key) == root.generation}
        sealing = root.generation == roots[-1].generation
        total = sum(places.values())
        facts = (root.generation, root.created_at, sealing, root.generation == hashing, total, places)
        views.append(KeyView(*facts, retired=not root.secret))
    return views


def _number(key: str) -> int:
    return int(key[1:])


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InputError("没有写明理由", "更换和退役密钥必须写明理由", "请写明理由", code="REASON")


def _in_use(generation: int, used: list[Use]) -> StateError:
    places = "、".join(f"{use.place}（{use.values}）" for use in used[:10])
    return StateError(
        f"第{generation}代密钥仍在使用：{places}",
        "没有任何封存值使用的密钥才能退役",
        "请先 shuqiao keys reencrypt；湖中旧版本和问题数据到保存期限后随清除到期数据移除",
        code="KEY_IN_USE",
    )
