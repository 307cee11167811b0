"""Serving tables on a real PostgreSQL: loads, change sets, stale marks and what look-ups find in them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, make_url

from lake.changeset import derive, derive_rollback
from lake.serving import Serving, side_name, table_name
from lake.settle import settle
from lake.staging import Staging
from schemas.errors import StateError, StorageError
from tests.lake.people import MARRIAGES, PEOPLE, Hub, as_read, coder_of, item, marriage, person, stage
from tests.reading import served_rows

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)


class Served:
    """Syncs an entry into lake and serving table."""

    def __init__(self, hub: Hub, url: str) -> None:
        self.hub, self.engine, self.serving = hub, create_engine(url), Serving(url)

    def sync(self, rows, mode="snapshot", *, rejected=(), moment=NOON):
        """Runs the lake's part of one sync; returns how the serving table was brought up."""
        hub = self.hub
        hub.runs += 1
        staging = Staging(hub.root, hub.entry.dataset, f"run{hub.runs}")
        stage(staging, hub.coder, hub.entry, rows, rejected=rejected)
        settle(staging, hub.duck, mode=mode, ordered=False)
        return self.publish(staging, derive(hub.table, staging, hub.duck, mode=mode), moment)

    def publish(self, staging, counts, moment=NOON):
        """Publishes a derived change set and serves it."""
        hub = self.hub
        hub.publish(staging, counts)
        said = {"run_id": staging.run, "version": hub.version}
        prepared = self.serving.prepare(hub.table, staging, **said, faults=hub.faults)
        with self.engine.begin() as connection:
            self.serving.apply(connection, staging.run, hub.version, moment)
        return prepared.kind

    def rows(self):
        """Returns the served rows, opened, and checks them against the lake."""
        with self.engine.connect() as connection:
            state = self.serving.state(connection, self.hub.entry.dataset)
            table = served_rows(connection, state.layout)
        assert state.version == self.hub.version
        opened = [row for b in table.to_batches() for row in self.hub.coder.decode(b, state.layout).to_pylist()]
        assert sorted(opened, key=str) == self.hub.rows()
        return sorted(opened, key=str)

    def stale(self):
        """Returns the stale marks."""
        with self.engine.connect() as connection:
            query = "SELECT stale_since FROM serving.people WHERE stale_since IS NOT NULL"
            return [row[0] for row in connection.exec_driver_sql(query)]


def test_a_database_account_with_blanks_serves(hub, empty_database_url):
    """Account and password of any letters reach the server of the serving tables as they are."""
    account, password = "hub +1", "a b+c%d:e/f@g?中"
    admin, url = create_engine(empty_database_url), make_url(empty_database_url)
    with admin.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE ROLE \"{account}\" LOGIN SUPERUSER PASSWORD '{password.replace('%', '%%')}'"
        )
    try:
        own = url.set(username=account, password=password).update_query_dict({"application_name": "a b"})
        own_hub = Served(hub, own.render_as_string(hide_password=False))
        own_hub.sync([person(1)])
        assert len(own_hub.rows()) == 1
        own_hub.engine.dispose()
    finally:
        with admin.begin() as connection:
            connection.exec_driver_sql(f'REASSIGN OWNED BY "{account}" TO CURRENT_USER; DROP ROLE "{account}"')
        admin.dispose()


@pytest.fixture
def served(hub, empty_database_url):
    """PEOPLE, served."""
    found = Served(hub, empty_database_url)
    yield found
    found.engine.dispose()


def test_rows_are_served_as_in_the_lake(served):
    """First a load, then change sets: each time the serving table equals the lake, in every type."""
    assert served.sync([person(n) for n in range(40)]) == "load"
    assert served.rows() == as_read(PEOPLE, [person(n) for n in range(40)])
    people = [person(n, "new" if n < 20 else "620402", amount=None, flags=None) for n in range(10, 50)]
    assert served.sync(people) == "changes"
    assert served.rows() == as_read(PEOPLE, people)


def test_nothing_changed_leaves_the_table_alone(served):
    """A batch without changes loads nothing."""
    served.sync([person(1)])
    assert served.sync([person(1)]) == "marks"
    assert len(served.rows()) == 1


def test_kept_rows_are_marked_stale_until_they_come_good(served):
    """A key whose new row was rejected is stale from then on, and no longer once a good row or a deletion comes."""
    served.sync([person(n) for n in range(10)])
    served.sync([person(n) for n in range(7)], rejected=[person(n) for n in (7, 8, 9)])
    assert served.stale() == [NOON] * 3
    later = datetime(2026, 11, 23, tzinfo=UTC)
    served.sync([person(n) for n in range(8)], rejected=[person(8), person(9)], moment=later)
    assert served.stale() == [NOON] * 2
    served.sync([person(8, "new")], "watermark")
    assert len(served.stale()) == 1
    served.sync([person(n) for n in range(8)])
    assert served.stale() == []


def test_a_reload_keeps_stale_marks(served):
    """A table that is built anew for another item list takes the marks over."""
    served.sync([person(n) for n in range(10)])
    served.sync([person(n) for n in range(9)], rejected=[person(9)])
    served.hub.entry = replace(PEOPLE, items=(*PEOPLE.items, item("added")), version="2.0.0")
    kind = served.sync([person(n, added="x") for n in range(5)], "watermark", moment=datetime(2027, 1, 1, tzinfo=UTC))
    assert kind == "load"
    assert served.stale() == [NOON]
    assert {row["added"] for row in served.rows()} == {"x", None}


def test_every_person_and_body_has_its_hash_in_its_own_column(hub, empty_database_url):
    """Whoever a row names stands in the column of the item that names it, and look-ups have an index for each."""
    served = Served(Hub(hub.root, MARRIAGES, hub.duck), empty_database_url)
    rows = [marriage(1), marriage(2), marriage(3, second_id=marriage(1)["first_id"])]
    served.sync(rows)
    hashed = coder_of(MARRIAGES).lookup_hash
    with served.engine.connect() as connection:
        table = served_rows(connection, served.serving.state(connection, "marriages").layout)
        for item_name, doc_type in (("first_id", "111"), ("second_id", "111"), ("unit_code", "001")):
            wanted = sorted(hashed(doc_type, row[item_name]) for row in rows)
            assert sorted(table[f"s_{item_name}"].to_pylist()) == wanted
        connection.exec_driver_sql("SET enable_seqscan = off")
        where = "s_first_id = '\\x00' OR s_second_id = '\\x00'"
        plan = connection.exec_driver_sql(f"EXPLAIN SELECT * FROM serving.marriages WHERE {where}").all()
        assert "s_second_id" in "".join(row[0] for row in plan)
        assert served.serving.count(connection, "marriages") == (3, 0)
    served.engine.dispose()


def test_a_table_behind_or_distrusted_is_loaded_whole(served):
    """A serving table that does not hold the version before, or that differs from it, is built anew from the lake."""
    served.sync([person(n) for n in range(10)])
    staging = Staging(served.hub.root, "people", "unserved")
    stage(staging, served.hub.coder, PEOPLE, [person(n) for n in range(20)])
    settle(staging, served.hub.duck, mode="snapshot", ordered=False)
    served.hub.publish(staging, derive(served.hub.table, staging, served.hub.duck, mode="snapshot"))
    assert served.sync([person(n) for n in range(30)]) == "load"
    with served.engine.begin() as connection:
        connection.exec_driver_sql(
            "DELETE FROM serving.people WHERE key_hash = (SELECT min(key_hash) FROM serving.people)"
        )
    with pytest.raises(StorageError, match="整体重建") as caught:
        served.sync([person(n, "new") for n in range(30)])
    assert caught.value.transient
    staging = Staging(served.hub.root, "people", f"run{served.hub.runs}")
    said = {"run_id": staging.run, "version": served.hub.version}
    prepared = served.serving.prepare(served.hub.table, staging, **said, faults=served.hub.faults)
    with served.engine.begin() as connection:
        served.serving.apply(connection, **said)
    assert prepared.kind == "load"
    assert len(served.rows()) == 30


def test_side_tables_of_dead_runs_are_dropped(served):
    """A side table that a killed run left is gone after the next one; other datasets' tables stay."""
    served.sync([person(1)])
    left, other = side_name("people", "dead", "load"), side_name("people_2", "dead", "load")
    with served.engine.begin() as connection:
        for name in (left, other):
            connection.exec_driver_sql(f'CREATE TABLE serving."{name}" (key_hash bytea)')
    served.sync([person(2)])
    with served.engine.connect() as connection:
        names = {
            row[0] for row in connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname='serving'")
        }
    assert names == {"people", other}


def test_a_transaction_that_fails_leaves_the_old_version(served):
    """Readers see the old rows when the caller's transaction does not commit."""
    served.sync([person(1)])
    hub = served.hub
    staging = stage(Staging(hub.root, "people", "next"), hub.coder, PEOPLE, [person(2)])
    settle(staging, hub.duck, mode="snapshot", ordered=False)
    hub.publish(staging, derive(hub.table, staging, hub.duck, mode="snapshot"))
    served.serving.prepare(hub.table, staging, run_id="next", version=2, faults=hub.faults)
    with pytest.raises(ZeroDivisionError), served.engine.begin() as connection:
        served.serving.apply(connection, "next", 2)
        raise ZeroDivisionError
    with served.engine.connect() as connection:
        assert served.serving.state(connection, "people").version == 1
    served.serving.prepare(hub.table, staging, run_id="next", version=2, faults=hub.faults)
    with served.engine.begin() as connection:
        served.serving.apply(connection, "next", 2)
    assert [row["count"] for row in served.rows()] == [2]


def test_rollback_is_served(served):
    """A rolled back version reaches the serving table as any other."""
    served.sync([person(n) for n in range(10)])
    served.sync([person(n, "new") for n in range(5, 15)])
    staging = Staging(served.hub.root, "people", "back")
    counts = derive_rollback(served.hub.table, staging, served.hub.duck, 0)
    assert served.publish(staging, counts) == "changes"
    assert served.rows() == as_read(PEOPLE, [person(n) for n in range(10)])


def test_an_unpublished_dataset_serves_nothing(served):
    """Without a serving table there is no state; preparing nothing serves nothing; unprepared is an error."""
    with served.engine.begin() as connection:
        assert served.serving.state(connection, "people") is None
        with pytest.raises(StateError, match="尚未准备"):
            served.serving.apply(connection, "run", 1)
    staging = stage(Staging(served.hub.root, "people", "none"), served.hub.coder, PEOPLE, [])
    prepared = served.serving.prepare(served.hub.table, staging, run_id="none", version=0, faults=served.hub.faults)
    assert prepared.kind == "none"
    with served.engine.begin() as connection:
        served.serving.apply(connection, "none", 0)


def test_long_names_stay_apart():
    """Names beyond PostgreSQL's limit are cut so that they stay apart."""
    one, two = "a" * 60 + "1", "a" * 60 + "2"
    assert table_name(one) != table_name(two)
    assert len(side_name(one, "run", "load")) <= 63
    assert table_name("people") == "people"


def test_a_server_that_is_down_is_transient(hub):
    """A hub database that cannot be reached is a StorageError without the URL in it."""
    staging = stage(Staging(hub.root, "people", "run"), hub.coder, PEOPLE, [person(1)])
    serving = Serving("postgresql+psycopg://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(StorageError) as caught:
        serving.prepare(hub.table, staging, run_id="run", version=1, faults=hub.faults)
    assert "secret" not in str(caught.value)
