"""Bad look-ups, queries and names: refused in a sentence that repeats no value, and nothing is reached but datasets."""

import re

import pytest

from exchange.queries import running
from schemas.errors import HubError
from tests.attack.desk import SENTENCE, refused
from tests.exchange.small_city import people, person
from tests.granted import ASKER, ask, look_up, opened

KEYS = {
    "a wrong check character": ("620402196001019850", "ID_CHECK"),
    "an empty key": ("", "IDENTIFIER"),
    "blanks": ("　  ", "IDENTIFIER"),
    "a placeholder": ("111111111111111111", "IDENTIFIER"),
    "a megabyte": ("6" * 1_000_000, "ID_LENGTH"),
    "an injection": ("' OR '1'='1", "ID_LENGTH"),
    "an injection behind a key": (f"{person(3)['gmsfhm']}' OR '1'='1", "ID_LENGTH"),
    "a null byte": ("\0", "ID_LENGTH"),
    "a name": ("张三", "ID_LENGTH"),
}


@pytest.mark.parametrize("what", KEYS)
def test_a_look_up_by_no_number(what, desk):
    """The finding is named, the number is not repeated, and it is no matter of the database."""
    key, code = KEYS[what]
    said = refused(look_up(desk, "person", key), code, "请核对号码")
    assert len(key) < 4 or key not in said
    assert len(said) < 500


@pytest.mark.parametrize("as_of", ["0", "-1", "9" * 30, "yesterday", "", "1.0", "2026-13-40", "1999-01-01", "²"])
def test_a_version_that_is_none(as_of, desk):
    """Neither a number nor a time of a version: said so, by query and rollback; nothing typed is the present one."""
    done = ask(desk, "SELECT sex_code FROM person", f"--as-of={as_of}")
    codes = ("[VERSION_UNKNOWN]", "[AS_OF]")
    assert (done.exit_code, any(code in done.stderr for code in codes)) == ((2, True) if as_of else (0, False))
    if as_of.lstrip("-").isdecimal():
        refused(desk("dataset", "rollback", "person", f"--to={as_of}", "--reason", "x"), "VERSION_UNKNOWN")


CODES = r"\[(QUERY\w*|DATASET_UNKNOWN)\]"
STATEMENTS = [
    "", ";", "SELECT 1; SELECT 2", "DELETE FROM person", "INSERT INTO person VALUES (1)", "UPDATE person SET name = ''",
    "COPY person TO '{file}'", "COPY (SELECT 1) TO '{file}'", "EXPORT DATABASE '{file}'", "ATTACH '{file}' AS x",
    "INSTALL httpfs", "LOAD httpfs", "PRAGMA database_list", "SET memory_limit = '10GB'", "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1", "WITH x AS (DELETE FROM person RETURNING *) SELECT * FROM x",
    "CREATE TABLE x AS SELECT 1", "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/*')", "SELECT getenv('HOME')",
    "SELECT * FROM 'x.parquet'", "SELECT * FROM sniff_csv('/etc/passwd')", "SELECT * FROM information_schema.tables",
    "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()", "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master", "SELECT current_setting('memory_limit')", "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM hub.connections", "SELECT * FROM serving.person", "SELECT $1", "SELECT * FROM nosuch",
    "SELECT nosuch FROM person", "SELECT", "SELECT '", "SELECT \0 1",
    "SELECT CAST(name AS INTEGER) FROM person", "SELECT error(name) FROM person",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000, "USE memory", "VACUUM", "BEGIN", "DESCRIBE person", "SHOW TABLES",
    "SELECT * FROM json_execute_serialized_sql('')",
]  # fmt: skip


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: repr(statement[:40]))
def test_what_is_not_one_select_is_refused(statement, desk, folder):
    """Refused with the rule and the next step; no value, no key, no file; nothing is written."""
    target = folder / "stolen"
    with opened(desk) as hub, pytest.raises(HubError) as caught:
        running.run(hub, ASKER, statement.replace("{file}", str(target)), "basis")
    said = str(caught.value)
    assert re.match(CODES, said) and SENTENCE.search(said), said
    assert not target.exists() and "root:" not in said
    assert all(row["xm"] not in said for row in people(3))


@pytest.mark.parametrize("command", [
    ("sync", "run", "nosuch"), ("sync", "show", "nosuch"), ("sync", "release", "nosuch", "--reason", "x"),
    ("sync", "discard", "nosuch", "--reason", "x"), ("sync", "revalidate", "nosuch"), ("quarantine", "show", "nosuch"),
    ("dataset", "show", "nosuch"), ("dataset", "versions", "nosuch"), ("dataset", "query", "SELECT 1"),
    ("dataset", "rollback", "nosuch", "--to", "1", "--reason", "x"), ("entry", "show", "nosuch"),
    ("connection", "test", "nosuch"), ("connection", "set", "Bad Name", "x"), ("connection", "set", "x", "a://h:port/x"),
    ("sync", "run", "\udcff"), ("sync", "run", "person", "--mode", "watermark"),
], ids=" ".join)  # fmt: skip
def test_names_that_are_none(command, desk):
    """Every command says that the name is unknown, and which are known or how to list them."""
    done = desk(*command)
    said = done.stderr.strip()
    assert done.exit_code == 2 and SENTENCE.fullmatch(said) and "请" in said, (done.exit_code, said, done.stdout)
