"""A subject's rows at rest and the serving table's word on its version, read by one statement. Holds no key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
from sqlalchemy import ARRAY, Connection, LargeBinary, Select, any_, bindparam, false, func, or_, select

from lake.disclosure import Disclosure
from lake.layout import subject_column
from lake.serving import qualified, served_table, table_name
from schemas.errors import StateError


@dataclass(frozen=True, slots=True)
class Asked:
    """One reading of a key: its hash, for the subject items that can hold it."""

    key_hash: bytes
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Rows at rest that name a subject, and what the serving table says of itself (None: there is none)."""

    rows: pa.RecordBatch
    comment: str | None


def served_in_one_look(connection: Connection, plan: Disclosure, asked: Sequence[Asked], limit: int = 1000) -> Found:
    """Finds a subject's rows and the table's own word on its version in one statement, so that they belong together.

    Raises StateError for more rows than `limit`.
    The rows are good only when the comment is that under which the plan was built (`state_of`).
    """
    schema = plan.layout.served_schema
    wanted = [
        (subject_column(item), each.key_hash) for each in asked for item in each.items if item in plan.lookup_items
    ]
    query = _look(table_name(plan.layout.dataset), tuple(schema.names), tuple(column for column, _ in wanted))
    hashes = {f"hash_{place}": key_hash for place, (_, key_hash) in enumerate(wanted)}
    rows = connection.execute(query, hashes | {"most": limit + 1}).all()
    if len(rows) > limit:  # a part, and any part, would be a wrong answer
        raise StateError(
            f"该主体的记录超过{limit}行", f"一次至多{limit}行", "请改用在线查询或订阅推送", code="LOOKUP_ROWS"
        )
    found = [row[1:] for row in rows if row[1] is not None]
    return Found(_batch(found, schema), rows[0].word if rows else None)


@lru_cache(maxsize=256)
def _look(name: str, columns: tuple[str, ...], subjects: tuple[str, ...]) -> Select[Any]:
    """Builds the statement of one look once: it is run with every call, and its making would cost more than that."""
    served = served_table(name, columns)
    wanted = [served.c[column] == bindparam(f"hash_{place}") for place, column in enumerate(subjects)]
    word = select(_word(name).label("word")).subquery()
    joined = word.outerjoin(served, or_(false(), *wanted))
    return select(word.c.word, *served.c).select_from(joined).limit(bindparam("most"))


def _word(name: str) -> Any:
    return func.obj_description(func.to_regclass(qualified(name)), "pg_class")


def _batch(found: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*found, strict=True)) if found else [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def comment_of(connection: Connection, dataset: str) -> str | None:
    """Returns what a serving table says of itself, None when there is none."""
    found: str | None = connection.execute(select(_word(table_name(dataset)))).scalar()
    return found


def served_of_many(connection: Connection, plan: Disclosure, asked: Sequence[Asked]) -> Found:
    """Finds the rows of many subjects; a row that several of them stand in comes once."""
    schema = plan.layout.served_schema
    hashes: dict[str, list[bytes]] = {}
    for each in asked:
        for item in each.items:
            if item in plan.lookup_items:
                hashes.setdefault(subject_column(item), []).append(each.key_hash)
    query = _looks(table_name(plan.layout.dataset), tuple(schema.names), tuple(hashes))
    rows = connection.execute(query, {column: list(dict.fromkeys(held)) for column, held in hashes.items()}).all()
    found = [row[1:] for row in rows if row[1] is not None]
    return Found(_batch(found, schema), rows[0].word if rows else None)


@lru_cache(maxsize=256)
def _looks(name: str, columns: tuple[str, ...], subjects: tuple[str, ...]) -> Select[Any]:
    served = served_table(name, columns)
    wanted = [served.c[column] == any_(bindparam(column, type_=ARRAY(LargeBinary))) for column in subjects]
    word = select(_word(name).label("word")).subquery()
    return select(word.c.word, *served.c).select_from(word.outerjoin(served, or_(false(), *wanted)))
