"""Keys a day: checked and counted before anything is read, atomically over all processes; uses counted in bulk.

A process takes keys from the day's account in blocks, small ones near the limit, so that callers of one grant don't
queue behind one row. What a process took and did not use when it dies counts as used: the limit is never passed.
"""

from contextlib import suppress
from datetime import timedelta
from time import monotonic

from catalog.stores import keyed_calls as store
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.usage import Use, count_uses
from schemas.errors import Denied, StorageError
from schemas.grants import Grant
from schemas.rules.book import book

_LARGEST_BLOCK = 64
_EVERY_SECONDS = 1.0
_SWEPT_SECONDS = 600.0


def take(hub: Hub, grant: Grant, keys: int) -> None:
    """Takes keys from a grant's day; raises Denied when they are not left."""
    limit = grant.quota.keys_a_day or int(book().number("KEYS_A_DAY"))
    day = clock.day_of(hub.clock.now())
    state, name = hub.keyed, (grant.number, day)
    with state.lock:
        left = state.budgets.get(name, 0)
        if left >= keys:
            state.budgets[name] = left - keys
            return
    block = max(1, min(_LARGEST_BLOCK, limit // 100))
    with hub.transaction() as connection:
        more = keys + block - 1
        got = more if store.reserve(connection, grant.number, day, more, limit) else 0
        if not got and block > 1 and store.reserve(connection, grant.number, day, keys, limit):
            got = keys
        used = 0 if got else store.reserved(connection, grant.number, day)
    if not got:
        raise Denied(
            f"超过本授权今日的号码限额：本次{keys}个，已用{used}个",
            f"每日不超过{limit}个",
            "请明日再办，或申请调整授权",
            code="QUOTA_KEYS",
        )
    with state.lock:
        for old in [each for each in state.budgets if each[1] != day]:
            del state.budgets[old]
        state.budgets[name] = state.budgets.get(name, 0) + got - keys


def give_back(hub: Hub, grant: Grant, keys: int) -> None:
    """Returns keys that were taken for a call that was found to be a repeated one."""
    name = (grant.number, clock.day_of(hub.clock.now()))
    with hub.keyed.lock:
        hub.keyed.budgets[name] = hub.keyed.budgets.get(name, 0) + keys


def count(hub: Hub, use: Use) -> None:
    """Counts a use; several are written together, at the latest with the first call a second later."""
    hub.closing.setdefault("keyed uses", lambda: flush(hub))
    state, now = hub.keyed, monotonic()
    with state.lock:
        state.uses.append(use)
        due = now - state.uses_since >= _EVERY_SECONDS
        if due:
            state.uses_since = now
    if due:
        with suppress(StorageError):  # kept, and written with the next: the call itself is answered
            flush(hub)


def flush(hub: Hub) -> None:
    """Writes the uses that were counted in this process."""
    state = hub.keyed
    with state.lock:
        uses, state.uses = state.uses, []
    summed: dict[tuple[str, str], Use] = {}
    for each in uses:
        held = summed.get((each.grant, each.way), Use(each.grant, each.way, 0))
        summed[each.grant, each.way] = Use(
            each.grant, each.way, held.calls + each.calls, held.keys + each.keys, held.rows + each.rows
        )
    if summed:
        try:
            with hub.transaction() as connection:
                count_uses(connection, hub, [summed[name] for name in sorted(summed)])
        except StorageError:
            with state.lock:
                state.uses = [*summed.values(), *state.uses]
            raise
    if monotonic() - state.swept_at >= _SWEPT_SECONDS:
        state.swept_at = monotonic()
        drop_kept(hub)


def drop_kept(hub: Hub) -> int:
    """Removes answers that are kept no longer, and the counts of days that are over; returns how many answers went."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        gone = store.drop_calls(connection, now - timedelta(hours=book().number("ANSWER_KEPT_HOURS")))
        store.drop_counts(connection, clock.day_of(now) - timedelta(days=1))
    return gone
