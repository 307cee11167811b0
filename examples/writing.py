"""Writes stretches to what departments have: PostgreSQL and SQLite tables, CSV files; for measurements Parquet too."""

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from psycopg import sql

from examples.tables import LINE, Column, Table


def create_table(connection: "psycopg.Connection[tuple[object, ...]]", table: Table, *, keep: bool = False) -> None:
    """Creates the source table with its comments; without `keep` an older one goes."""
    name = sql.Identifier(table.source_table)
    if not keep:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
    columns = [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.sql)) for c in table.columns]
    connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(name, sql.SQL(", ").join(columns)))
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(table.title)))
    for column in table.columns:
        at = sql.Identifier(table.source_table, column.name)
        connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(at, sql.Literal(column.comment)))


def create_scratch(connection: "psycopg.Connection[tuple[object, ...]]", table: Table) -> None:
    """Creates a table of the transaction alone."""
    columns = [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.sql)) for c in table.columns]
    statement = sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP")
    connection.execute(statement.format(sql.Identifier(table.source_table), sql.SQL(", ").join(columns)))


def copy(connection: "psycopg.Connection[tuple[object, ...]]", table: Table, batches: Iterable[pa.RecordBatch]) -> int:
    """Loads batches by COPY; returns the number of rows."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(table.source_table), columns)
    rows = 0
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        for batch in batches:
            stream.write(_plain_csv(batch))
            rows += batch.num_rows
    return rows


def _plain_csv(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    pa_csv.write_csv(batch, sink, pa_csv.WriteOptions(include_header=False))
    return sink.getvalue()


def create_sqlite(path: Path, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
    """Makes a new SQLite file with the source table; returns the number of rows."""
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        columns = ", ".join(f'"{column.name}" {column.sql}' for column in table.columns)
        connection.execute(f'CREATE TABLE "{table.source_table}" ({columns})')
        rows = insert_sqlite(connection, table, batches)
    connection.close()
    return rows


def insert_sqlite(connection: sqlite3.Connection, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
    """Adds batches to a source table in SQLite; returns the number of rows."""
    marks = ", ".join("?" * len(table.columns))
    rows = 0
    for batch in batches:
        values = [batch.column(column.name).to_pylist() for column in table.columns]
        connection.executemany(f'INSERT INTO "{table.source_table}" VALUES ({marks})', zip(*values, strict=True))
        rows += batch.num_rows
    return rows


class DepartmentCsv:
    """A CSV file as a department exports it: some lines ragged, some bytes undecodable, line breaks inside quotes."""

    def __init__(self, path: Path, columns: tuple[Column, ...], encoding: str) -> None:
        self._path, self._columns, self._encoding = path, columns, encoding
        self._line = 1
        #: Record number -> line on which it begins, for the records asked for.
        self.lines: dict[int, int] = {}
        self._record = 0

    def write(self, stretches: Iterable[tuple[pa.RecordBatch, set[int]]]) -> None:
        """Writes every stretch; with each come the record numbers whose line is wanted."""
        with self._path.open("wb") as file:
            file.write(self._encoded([column.name for column in self._columns]))
            for batch, wanted in stretches:
                for row in self._rows(batch):
                    self._record += 1
                    if self._record in wanted:
                        self.lines[self._record] = self._line + 1
                    file.write(row)
                    self._line += row.count(b"\n")

    def _rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        values = [batch.column(column.name).to_pylist() for column in self._columns]
        marks = batch.column(LINE).to_pylist() if LINE in batch.schema.names else [None] * batch.num_rows
        for mark, *row in zip(marks, *values, strict=True):
            yield self._encoded(row) if mark is None else self._spoilt(row, mark)

    def _encoded(self, row: list[str | None]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerow(row)
        return text.getvalue().encode(self._encoding)

    def _spoilt(self, row: list[str | None], mark: str) -> bytes:
        if mark == "short":
            return self._encoded(row[: len(row) // 2])
        if mark == "long":
            return self._encoded([*row[:4], "多出的", "一列", *row[4:]])
        # 0xFF begins no character in GB18030 or in UTF-8.
        return b"\xff\xff\xff" + self._encoded(row)


def write_csv(path: Path, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes a plain UTF-8 CSV file for measurements; returns the number of rows."""
    rows = 0
    with path.open("wb") as file:
        for batch in batches:
            pa_csv.write_csv(_without_line(batch), file, pa_csv.WriteOptions(include_header=rows == 0))
            rows += batch.num_rows
    return rows


def write_parquet(path: Path, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes a Parquet file for measurements; returns the number of rows."""
    rows = 0
    writer: pq.ParquetWriter | None = None
    for batch in batches:
        plain = _without_line(batch)
        writer = writer or pq.ParquetWriter(path, plain.schema, compression="zstd")
        writer.write_batch(plain)
        rows += batch.num_rows
    if writer:
        writer.close()
    return rows


def _without_line(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.select([name for name in batch.schema.names if name != LINE])
