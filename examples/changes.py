"""A reproducible day of changes at the departments: some rows updated, some deleted, some new, a few of these bad.

Files are written anew as of the day; databases are changed in place, with the day's time in the watermark column, and
the exchange table gets I, U and D rows. Planted rows and their neighbours are left alone, so that the answers hold.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from examples import city, databases
from examples.city import City, Server, Stretch
from examples.datasets import death
from examples.draws import Bools, Ints, joined, moments, numbers, strings
from examples.planting import Answer, Plan, Planter
from examples.registry import TABLES
from examples.tables import Frame, Table
from examples.writing import copy, create_scratch

UPDATED, DELETED, INSERTED = 0.01, 0.002, 0.005
#: New rows carry more defects than the rest, so that a small day has some.
_PLAN = Plan(defect_ratio=0.05, dirt_ratio=0.05)
_TIME_COLUMN = {"population": "gxsj", "licence": "gxsj", "death": "cd_time"}
_DAY_ONE = datetime(2026, 11, 21, 8)  # noqa: DTZ001 - departments write Beijing time without a zone


@dataclass(frozen=True, slots=True)
class Change:
    """What one day did to one dataset; `inserted` counts planted rows too."""

    updated: int
    deleted: int
    inserted: int


@dataclass(frozen=True)
class Day:
    """One day of one dataset."""

    city: City
    dataset: str
    number: int

    @property
    def table(self) -> Table:
        """The dataset's table."""
        return TABLES[self.dataset]

    @property
    def frame(self) -> Frame:
        """The city that rows are made for."""
        return Frame(self.city.seed, self.city.sizes)

    def fates(self, index: Ints) -> tuple[Bools, Bools]:
        """Says which of the rows the day updates and deletes, before anything is left alone."""
        drawn = self.frame.draws(f"changes/{self.dataset}").below(f"day{self.number}", index, 1_000_000)
        updated = drawn < int(UPDATED * 1_000_000)
        return updated, ~updated & (drawn < int((UPDATED + DELETED) * 1_000_000))

    def planter(self) -> Planter:
        """Makes the day's new rows."""
        rows = self.city.sizes.of(self.dataset)
        step = {"subsidy_payment": 12, "death": death.BLOCK}.get(self.dataset, 1)
        new = max(int(rows * INSERTED) // step, 2) * step
        first = -(-rows // step) * step + (self.number - 1) * new
        # Repeated rows are left out: one time is written into all rows of the day, so that no row is the older one.
        table = replace(self.table, defects=tuple(kind for kind in self.table.defects if not kind.pair))
        return Planter(self.frame, table, new, _PLAN, first)


def apply(
    folder: Path, *, server: Server | None = None, day: int | None = None, at: datetime | None = None
) -> dict[str, Change]:
    """Applies the next day to every source; without a server only to files. `at` is the time written into databases."""
    made = city.load(folder)
    day = made.day + 1 if day is None else day
    if day != made.day + 1:
        raise ValueError(f"the sources stand at day {made.day}: the next day is {made.day + 1}, not {day}")
    at = at or _DAY_ONE + timedelta(days=day - 1)
    spared = untouchable(made)
    done: dict[str, Change] = {}
    answers: list[Answer] = []
    for dataset in TABLES:
        today = Day(made, dataset, day)
        if dataset in city.FILES:
            rows = as_of(made, dataset, day, spared)
            answers += city.write_file(folder / city.FILES[dataset], today.planter(), rows)
        elif server:
            answers += _change_database(today, replace(server, prefix=made.prefix), at, spared)
        else:
            continue
        done[dataset] = _counted(today, spared)
    with made.answers_file(day).open("w", encoding="utf-8", newline="\n") as lines:
        lines.writelines(json.dumps(answer.as_json(), ensure_ascii=False) + "\n" for answer in answers)
    replace(made, day=day).save()
    return done


def untouchable(made: City) -> dict[str, set[int]]:
    """Row numbers (from 0) of planted rows and of the clean rows before them."""
    found: dict[str, set[int]] = {dataset: set() for dataset in TABLES}
    for dataset in TABLES:
        for _, answers in made.planter(dataset).stretches():
            found[dataset] |= {answer.record - back for answer in answers for back in (1, 2)}
    return found


def fates(made: City, dataset: str, day: int, spared: set[int]) -> tuple[Ints, Ints, Ints]:
    """Gives the row numbers that the day updates and deletes, and those that earlier days deleted."""
    index = np.arange(made.sizes.of(dataset), dtype=np.int64)
    free = ~np.isin(index, list(spared))
    if dataset == "death":
        free &= np.asarray([death.plantable(row) for row in index.tolist()])
    gone = np.zeros(len(index), dtype=bool)
    for number in range(1, day + 1):
        updated, deleted = Day(made, dataset, number).fates(index)
        updated, deleted = updated & free & ~gone, deleted & free & ~gone
        before, gone = gone, gone | deleted
    return index[updated], index[deleted], index[before]


def _counted(today: Day, spared: dict[str, set[int]]) -> Change:
    updated, deleted, _ = fates(today.city, today.dataset, today.number, spared[today.dataset])
    return Change(len(updated), len(deleted), today.planter().rows)


def as_of(made: City, dataset: str, day: int, spared: dict[str, set[int]]) -> Iterator[Stretch]:
    """Yields a file dataset as it stands at the end of `day`, with answers by their place in that file."""
    days = [(Day(made, dataset, number), fates(made, dataset, number, spared[dataset])) for number in range(1, day + 1)]
    written = 0
    start = 0
    for batch, answers in made.planter(dataset).stretches():
        index = np.arange(start, start + batch.num_rows, dtype=np.int64)
        start += batch.num_rows
        keep = np.ones(len(index), dtype=bool)
        changed = batch
        for today, (updated, deleted, _) in days:
            changed = _overwritten(changed, np.isin(index, updated), today, index)
            keep &= ~np.isin(index, deleted)
        places = np.cumsum(keep) + written
        yield changed.filter(pa.array(keep)), [_moved(answer, int(index[0]), places) for answer in answers]
        written += int(keep.sum())
    for today, _ in days:
        planter = today.planter()
        for batch, answers in planter.stretches():
            places = np.arange(batch.num_rows, dtype=np.int64) + written + 1
            yield batch, [_moved(answer, planter.offset, places) for answer in answers]
            written += batch.num_rows


def _moved(answer: Answer, first: int, places: Ints) -> Answer:
    """Puts the record's place in the file of the day into its answer."""
    partner = answer.partner and {**answer.partner, "record": int(places[answer.partner["record"] - 1 - first])}
    return replace(answer, record=int(places[answer.record - 1 - first]), partner=partner)


def _overwritten(batch: pa.RecordBatch, mask: Bools, today: Day, index: Ints) -> pa.RecordBatch:
    if not mask.any() or today.table.update is None:
        return batch
    for name, values in today.table.update(today.frame, today.number, index[mask]).items():
        at = batch.schema.get_field_index(name)
        batch = batch.set_column(at, name, pc.replace_with_mask(batch.column(name), pa.array(mask), values))
    return batch


def _change_database(today: Day, server: Server, at: datetime, spared: dict[str, set[int]]) -> list[Answer]:
    updated, deleted, _ = fates(today.city, today.dataset, today.number, spared[today.dataset])
    answers: list[Answer] = []
    new = [_timed(today, batch, at) for batch in city.kept(today.planter().stretches(), answers)]
    with psycopg.connect(
        databases.with_database(server.url, server.prefix + city.DATABASES[today.dataset])
    ) as connection:
        if today.dataset == "death":
            new = [
                _exchange_rows(today, rows, flag, at) for rows, flag in ((updated, "U"), (deleted, "D")) if len(rows)
            ] + new
        else:
            _update(connection, today, updated, at)
            _delete(connection, today, deleted)
        copy(connection, today.table, new)
    return answers


def _timed(today: Day, batch: pa.RecordBatch, at: datetime) -> pa.RecordBatch:
    name = _TIME_COLUMN[today.dataset]
    times = _times(at, batch.num_rows)
    if today.dataset == "death":
        # A certificate that is new today may also be changed or taken back today, and that comes after.
        for later, flag in ((timedelta(seconds=1), "U"), (timedelta(seconds=2), "D")):
            has_flag = pc.fill_null(pc.equal(batch.column("cd_operation"), flag), False)
            times = pc.if_else(has_flag, _times(at + later, batch.num_rows), times)
    return batch.set_column(batch.schema.get_field_index(name), name, times)


def _times(at: datetime, rows: int) -> pa.Array:
    return moments(np.full(rows, np.datetime64(at, "s")))


def _exchange_rows(today: Day, index: Ints, flag: str, at: datetime) -> pa.RecordBatch:
    made = today.table.make(today.frame, index)
    made["bgbh"] = joined(f"BG{flag}{today.number}", numbers(index + 1, 10))
    made["cd_operation"] = strings([flag] * len(index))
    made["cd_time"] = _times(at, len(index))
    made["row_guid"] = joined(pc.utf8_slice_codeunits(made["row_guid"], 0, 30), f"{flag}{today.number:05d}")
    if flag == "U":
        made["swyy"] = strings(["R99"] * len(index))
    names = [column.name for column in today.table.columns]
    return pa.RecordBatch.from_arrays([made[name] for name in names], names)


def _update(connection: "psycopg.Connection[tuple[object, ...]]", today: Day, index: Ints, at: datetime) -> None:
    table, key, time = today.table, today.table.row_id[0], _TIME_COLUMN[today.dataset]
    if table.update is None or not len(index):
        return
    values = {**table.update(today.frame, today.number, index), time: _times(at, len(index))}
    columns = {key: table.make(today.frame, index)[key], **values}
    scratch = replace(table, source_table="changed", columns=tuple(c for c in table.columns if c.name in columns))
    create_scratch(connection, scratch)
    copy(
        connection,
        scratch,
        [
            pa.RecordBatch.from_arrays(
                [columns[c.name] for c in scratch.columns], names=[c.name for c in scratch.columns]
            )
        ],
    )
    sets = sql.SQL(", ").join(sql.SQL("{} = changed.{}").format(sql.Identifier(n), sql.Identifier(n)) for n in values)
    target, by = sql.Identifier(table.source_table), sql.Identifier(key)
    connection.execute(sql.SQL("UPDATE {} t SET {} FROM changed WHERE t.{} = changed.{}").format(target, sets, by, by))


def _delete(connection: "psycopg.Connection[tuple[object, ...]]", today: Day, index: Ints) -> None:
    if not len(index):
        return
    key = today.table.row_id[0]
    keys = today.table.make(today.frame, index)[key].to_pylist()
    statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(
        sql.Identifier(today.table.source_table), sql.Identifier(key)
    )
    connection.execute(statement, (keys,))
