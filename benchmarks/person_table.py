"""Fills and changes the department's table that the sync benchmarks read: fictional people, eleven columns."""

import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from examples import city
from examples.planting import Plan

COLUMNS = ("gmsfhm", "xm", "xb", "mz", "csrq", "hjdxzqh", "hjdz", "hh", "sjhm", "hyzk", "gxsj")


def fill(url: str, rows: int, bad: float) -> None:
    """Makes table `person` with `rows` rows, a share `bad` of them with planted defects."""
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists person")
        mode = "create"
        for batch in city.batches("population", rows, plan=Plan(bad, 0.0, 0)):
            table = pa.table({name: batch.column(name) for name in COLUMNS})
            cursor.adbc_ingest("person", table, mode=mode)
            mode = "append"
        connection.commit()
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("alter table person alter column gxsj type timestamp using now() - interval '2 hours'")
        database.execute("create index on person (gmsfhm)")
        database.execute("create index on person (gxsj)")
        database.execute("analyze person")


def change(url: str, rows: int) -> None:
    """Gives `rows` evenly spread people another address and a time two hours after the rest, twenty minutes ago."""
    with psycopg.connect(url, autocommit=True) as database:
        found = database.execute("select count(*) from person").fetchone()
        total = found[0] if found else 0
        step = max(1, total // rows)
        database.execute(
            "update person set hjdz = hjdz || '一号', gxsj = now()::timestamp - interval '20 minutes' where ctid = any("
            "select ctid from (select ctid, row_number() over () n from person) p where n %% %s = 0 limit %s)".replace(
                "any(", "any(array("
            ).replace("limit %s)", "limit %s))"),
            (step, rows),
        )


def remove_share(url: str, share: float) -> None:
    """Deletes a share of the people."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("delete from person where right(gmsfhm, 2) < %s", (f"{int(share * 100):02d}",))
