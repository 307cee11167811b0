"""Many keys against the rows of a grant: outcome and differing items of each. Behind verify, compare, batches."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from catalog.stores import keyed_calls as store
from exchange.keyed.calls import Call, outdated
from exchange.keyed.matching import Matcher, differing
from exchange.sharing import clock
from exchange.subjects import Candidate
from lake.layout import subject_column
from lake.one_look import Asked, served_of_many
from schemas.errors import IdentifierError
from schemas.rules.book import book

_AT_ONCE = 2000
Readings = tuple[Candidate, ...] | IdentifierError


@dataclass(frozen=True, slots=True)
class Result:
    """What is said of one key: match, differs (with the items), not_found, not_synced, invalid or refused."""

    outcome: str
    differing: tuple[str, ...] = ()
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The results in the order of the keys, and the subjects that did not match."""

    results: list[Result]
    missed: tuple[bytes, ...]


def check_keys(connection: Connection, made: Call, given: Mapping[str, Sequence[str | None]]) -> Checked:
    """Compares each key's given values, item by item; raises Denied for items that may not be verified."""
    if not made.ground.layout_known:
        return Checked([Result("not_synced") for _ in made.readings], ())
    matcher = Matcher(made.ground, made.ground.plan(made.grant), made.hub.clock.now())
    matcher.require(list(given))
    sent = {name: matcher.read(name, texts) for name, texts in given.items()}
    results, missed = [], []
    tries = _Tries(connection, made)
    for begin in range(0, len(made.readings), _AT_ONCE):
        part = made.readings[begin : begin + _AT_ONCE]
        rows = rows_of_keys(connection, made, matcher, part, list(given))
        tries.load(part)
        for place, readings in enumerate(part, begin):
            result = _one(readings, {name: values[place] for name, values in sent.items()}, rows, tries)
            results.append(result)
            if result.outcome == "differs" and isinstance(readings, tuple):
                missed.append(readings[0].key_hash)
    return Checked(results, tuple(missed))


class _Tries:
    """Counts misses of each subject today, those of this call included."""

    def __init__(self, connection: Connection, made: Call) -> None:
        self._connection, self._grant = connection, made.grant.number
        self._day = clock.day_of(made.hub.clock.now())
        self._most = int(book().number("VERIFY_MISSES"))
        self._times: dict[bytes, int] = {}

    def load(self, part: Sequence[Readings]) -> None:
        wanted = {each.key_hash for found in part if isinstance(found, tuple) for each in found} - set(self._times)
        if wanted:
            self._times |= dict.fromkeys(wanted, 0)
            self._times |= store.misses(self._connection, self._grant, wanted, self._day)

    def over(self, key_hash: bytes) -> bool:
        return self._times[key_hash] >= self._most

    def miss(self, key_hash: bytes) -> None:
        self._times[key_hash] += 1


@dataclass(frozen=True, slots=True)
class Row:
    """The compared items of one row, opened, and whether the row is disputed."""

    values: Mapping[str, Any]
    disputed: bool


def _one(
    readings: Readings, sent: Mapping[str, Any], rows: Mapping[bytes, Sequence[Row]], tries: _Tries
) -> Result:  # fmt: skip
    if not isinstance(readings, tuple):
        return Result("invalid")
    first = readings[0].key_hash
    if tries.over(first):
        return Result("refused")
    found = [row for each in readings for row in rows.get(each.key_hash, ())]
    if not found:
        return Result("not_found")
    disputed = any(row.disputed for row in found)
    wrong = differing(sent, [row.values for row in found])
    if not wrong:
        return Result("match", (), disputed)
    tries.miss(first)
    return Result("differs", tuple(wrong), disputed)


def rows_of_keys(
    connection: Connection, made: Call, matcher: Matcher, part: Sequence[Readings], names: list[str]
) -> Mapping[bytes, Sequence[Row]]:
    """Reads the granted rows of some keys, by the hash of each subject that was asked for."""
    asked = [Asked(each.key_hash, each.items) for found in part if isinstance(found, tuple) for each in found]
    found = served_of_many(connection, matcher.plan, asked)
    if found.comment != made.ground.comment:
        raise outdated()
    granted = matcher.plan.granted_rows(found.rows, made.ground.coder)
    keys = granted.column("key_hash").to_pylist()
    disputed: frozenset[bytes] = frozenset()
    if made.ground.served.disputes and keys:
        disputed = store.disputed(connection, made.ground.entry.dataset, keys)
    opened = matcher.rows(granted, names)
    # By the items alone that the grant lets a subject be looked up by: another key in the same row tells nothing.
    allowed = matcher.plan.lookup_items
    wanted = {(subject_column(item), each.key_hash) for each in asked for item in each.items if item in allowed}
    columns = [column for column in {column for column, _ in wanted} if column in granted.schema.names]
    marks = {column: granted.column(column).to_pylist() for column in columns}
    by_hash: dict[bytes, list[Row]] = defaultdict(list)
    for place, values in enumerate(opened):
        row = Row(values, keys[place] in disputed)
        for key_hash in {marks[column][place] for column in columns if (column, marks[column][place]) in wanted}:
            by_hash[key_hash].append(row)
    return by_hash
