"""A subject's rows at rest and the serving table's word on its version, read by one statement. Holds no key."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import ARRAY, Connection, LargeBinary, any_, false, func, literal, or_, select

from lake.disclosure import Disclosure
from lake.keyed import Asked
from lake.layout import subject_column
from lake.serving import qualified, served_schema, served_table, table_name


@dataclass(frozen=True, slots=True)
class Found:
    """Rows at rest that name a subject, and what the serving table says of itself (None: there is none)."""

    rows: pa.RecordBatch
    comment: str | None


def served_in_one_look(connection: Connection, plan: Disclosure, asked: Sequence[Asked], limit: int = 1000) -> Found:
    """Finds a subject's rows and the table's own word on its version in one statement, so that they belong together.

    The rows are good only when the comment is that under which the plan was built (`state_of`).
    """
    name, schema = table_name(plan.layout.dataset), served_schema(plan.layout)
    served = served_table(name, schema.names)
    wanted = [
        served.c[subject_column(item)] == each.key_hash
        for each in asked
        for item in each.items
        if item in plan.lookup_items
    ]
    word = select(func.obj_description(func.to_regclass(qualified(name)), "pg_class").label("word")).subquery()
    query = select(word.c.word, *served.c).select_from(word.outerjoin(served, or_(false(), *wanted))).limit(limit)
    rows = connection.execute(query).all()
    found = [row[1:] for row in rows if row[1] is not None]
    columns = list(zip(*found, strict=True)) if found else [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return Found(pa.record_batch(arrays, schema=schema), rows[0].word if rows else None)


def comment_of(connection: Connection, dataset: str) -> str | None:
    """Returns what a serving table says of itself, None when there is none."""
    name = qualified(table_name(dataset))
    found: str | None = connection.execute(select(func.obj_description(func.to_regclass(name), "pg_class"))).scalar()
    return found


def served_of_many(connection: Connection, plan: Disclosure, asked: Sequence[Asked]) -> Found:
    """Finds the rows of many subjects; a row that several of them stand in comes once."""
    name, schema = table_name(plan.layout.dataset), served_schema(plan.layout)
    served = served_table(name, schema.names)
    hashes: dict[str, list[bytes]] = {}
    for each in asked:
        for item in each.items:
            if item in plan.lookup_items:
                hashes.setdefault(subject_column(item), []).append(each.key_hash)
    wanted = [
        served.c[column] == any_(literal(list(dict.fromkeys(held)), ARRAY(LargeBinary)))
        for column, held in hashes.items()
    ]
    found = connection.execute(select(*served.c).where(or_(false(), *wanted))).all()
    columns = list(zip(*found, strict=True)) if found else [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    # Asked after the rows: versions only go up, so that the word of before stands for what was read in between.
    return Found(pa.record_batch(arrays, schema=schema), comment_of(connection, plan.layout.dataset))
