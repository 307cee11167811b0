"""The database itself guards the log: by triggers against everybody, by rights against the hub's own role."""

import uuid

import psycopg
import pytest
from psycopg import sql

from catalog import audit_rights, migrate
from catalog.engine import make_engine
from exchange.access import Actor
from exchange.auditing import sealing
from exchange.auditing.chain import seal_pending
from exchange.hub import open_hub
from exchange.settings import Settings
from tests.auditing.conftest import add

TABLES = ("audit_events", "audit_chain", "audit_batches", "audit_anchors", "audit_archives")


@pytest.fixture
def own(cluster, tmp_path, clock):
    """A hub whose database belongs to a role without special rights, as in an installation, with a sealed log."""
    name = f"hub_{uuid.uuid4().hex[:10]}"
    with cluster.connect() as server:
        server.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'own'").format(sql.Identifier(name)))
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(name)))
    admin_url = cluster.url(name)
    where = admin_url.partition("@/")[2]
    url = f"postgresql+psycopg://{name}:own@/{where}"
    with open_hub(Settings(var=tmp_path / "var", database_url=url), clock) as hub:
        add(hub, 3)
        seal_pending(hub)
        yield hub, admin_url
    with cluster.connect() as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def refused(hub, statement):
    """Says with what words the hub's own role is refused."""
    with psycopg.connect(hub.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            return str(error)
    return None


@pytest.mark.parametrize("separate", [False, True])
def test_the_hubs_role_cannot_change_the_log(own, separate):
    """It may read and add; updating, deleting, emptying is refused, before and after the log has its own owner."""
    hub, admin_url = own
    if separate:
        assert sealing.protect(hub, Actor("dba", frozenset({"administrator"})), admin_url)
    for table in TABLES:
        for statement in (f"delete from hub.{table}", f"truncate hub.{table}", f"update hub.{table} set tx = 1"):
            if "tx" in statement and table not in {"audit_events", "audit_archives"}:
                continue
            assert refused(hub, statement), statement
    add(hub, 2)
    assert [batch.last_number for batch in seal_pending(hub)] == [6 if separate else 5]


def test_an_owner_of_its_own_keeps_the_guards(own):
    """After separation the hub's role cannot switch a guard off, give itself a right back, or drop the log."""
    hub, admin_url = own
    sealing.separate(admin_url, make_engine(hub.database_url).url.username)
    role = make_engine(hub.database_url).url.username
    for statement in (
        "alter table hub.audit_events disable trigger all",
        "drop table hub.audit_events cascade",
        "drop function hub.refuse_change() cascade",
        "create or replace function hub.refuse_change() returns trigger language plpgsql as 'begin return old; end'",
        f'grant delete on hub.audit_events to "{role}"',
        "alter table hub.audit_chain drop column prev_sm3",
        "set session_replication_role = replica",
        "set role shuqiao_audit",
        "insert into hub.audit_archives (last_batch, last_number, head_sm3, name, manifest_sm3, events, archived_by, "
        "archived_at) values (1, 3, '', '', '', 3, '', now())",
        "drop schema hub cascade",
    ):
        said = refused(hub, statement)
        assert said or statement.startswith("grant"), statement
    # A grant by who has no right to give is a warning in PostgreSQL: the right is still not there.
    assert refused(hub, "delete from hub.audit_events")
    with hub.transaction() as connection:
        assert audit_rights.separated(connection)
    sealing.separate(admin_url, role)  # again, without effect
    migrate.upgrade(hub.database_url)
    add(hub)
    assert seal_pending(hub)


def test_without_separation_it_is_said(own):
    """A hub whose role owns the log says so when it is asked how the log stands."""
    hub, _ = own
    assert not sealing.standing(hub, Actor("auditor", frozenset({"audit_admin"}))).separated


def test_the_removing_function_refuses_what_is_young(own):
    """Called by hand, the database's own function removes nothing younger than 183 days, nor what has no anchor."""
    hub, admin_url = own
    sealing.separate(admin_url, make_engine(hub.database_url).url.username)
    with hub.transaction() as connection:
        head = connection.exec_driver_sql("select head_sm3 from hub.audit_batches where number = 1").scalar_one()
    said = refused(hub, f"select hub.archive_audit_batches(1, '{head}', 'x', 'y', 'me')")
    assert "younger than 183 days" in said
