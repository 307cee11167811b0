"""Nobody is named by what the hub leaves on disk, in its database, in logs and messages; the scan itself is proved."""

import base64
import gzip
import hashlib
import json
import logging
import shutil
import traceback
from pathlib import Path
from unittest import mock

import pytest

from examples import changes, city, databases
from examples.city import City
from exchange.crypto import sm3
from runtime.postgres import Cluster
from schemas.entry import Item
from schemas.identifiers import citizen_id
from tests.attack import city_hub
from tests.attack.city_hub import Shuqiao, shuqiao
from tests.attack.conftest import data_of
from tests.attack.scanner import Scanner, Truth, truth_of
from tests.granted import ask, grant, look_up, opened
from tests.reading import select


@pytest.fixture(scope="module")
def truth(town: City) -> Truth:
    """What must not be found."""
    return truth_of(town)


@pytest.fixture(scope="module")
def scanner(truth: Truth) -> Scanner:
    """What looks for it."""
    return Scanner(truth)


def new_hub(vault: Cluster, folder: Path, name: str, **settings: object) -> Shuqiao:
    """Makes a hub with a database of its own in the vault."""
    with vault.connect() as server:
        server.execute(f"CREATE DATABASE {name}")
    return shuqiao(folder / name, vault.url(name), **settings)


def live(run: Shuqiao, town: City) -> str:
    """Does with a synced hub what a day brings: look-ups, queries, exports, holds, a rollback; returns the prints."""
    person = next(iter(town.planter("population").stretches()))[0].column("gmsfhm")[2].as_py()
    with opened(run) as hub:
        grant(hub, "population")
    said = [
        look_up(run, "population", person[:-1] + "*"),
        ask(run, f"SELECT error(name) FROM population WHERE citizen_id <> '{person}'"),
        ask(run, f"SELECT '{person}' FROM nowhere"),
        ask(run, "SELECT cast(name AS INTEGER) FROM population"),
        ask(run, f"SELECT {person}x"),
        run("dataset", "query", f"SELECT '{person}' FROM population"),
        run("dataset", "show", "population"),
        run("sync", "list", "--json"),
        run("dataset", "versions", "population", "--json"),
        run("entry", "show", "population", "--json"),
        run("connection", "test", "police", "--json"),
    ]
    found = look_up(run, "population", person, "--json")
    assert json.loads(found.stdout)["rows"][0]["values"]["citizen_id"] == citizen_id(person).normalised, found.stderr
    assert ask(run, f"SELECT * FROM population WHERE citizen_id = '{person}'").exit_code == 0
    for listed in json.loads(run.ok("sync", "list", "--json").stdout):
        said.append(run.ok("sync", "show", listed["run_id"], "--json"))
        run.ok("quarantine", "show", listed["run_id"], "--format", "csv")
    return "\n".join(done.stdout + done.stderr for done in said)


@pytest.mark.parametrize("suite", ["international", "gm"])
def test_nothing_at_rest_names_anybody(suite: str, vault: Cluster, cluster: Cluster, town: City, scanner: Scanner,
                                       tmp_path: Path) -> None:  # fmt: skip
    """After syncs, look-ups and a held batch: no file, Parquet cell, Delta log, table, WAL or log names a person."""
    run = new_hub(vault, tmp_path, suite, crypto_suite=suite)
    city_hub.register(run, city_hub.connection_urls(cluster, town))
    city_hub.sync_all(run)
    said = live(run, town)
    assert scanner.bytes(said.encode(), "what the commands said") == []
    hits, files = scanner.tree(tmp_path)
    assert hits == [] and files > 100
    hits, cells = scanner.database(vault.url(suite))
    assert hits == [] and cells > 20_000
    with vault.connect(suite) as connection:
        connection.execute("CHECKPOINT")
    hits = [hit for folder in data_of(vault) for hit in scanner.tree(folder)[0]]
    assert hits == []


def test_the_scan_finds_everybody_in_an_unsealed_copy(cluster: Cluster, town: City, truth: Truth, scanner: Scanner,
                                                      tmp_path: Path) -> None:  # fmt: skip
    """The same scan over a hub that seals nothing finds every accepted person in files, dump and raw bytes."""
    folder = cluster.home.parent / f"bare-{tmp_path.name}-{id(tmp_path)}"
    for name in ("run", "secrets"):
        (folder / name).mkdir(parents=True, mode=0o700)
    folder.chmod(0o711)
    server = Cluster(folder / "postgres", folder / "run", folder / "secrets", settings={"fsync": "off"})
    server.start()
    try:
        run = new_hub(server, tmp_path, "bare")
        city_hub.register(run, city_hub.connection_urls(cluster, town))
        with mock.patch.object(Item, "sealed", property(lambda item: False)):  # publishing such an entry is refused
            city_hub.sync_all(run)
            accepted = _accepted(run, truth)
        with server.connect("bare") as connection:
            connection.execute("CHECKPOINT")
        found = {
            "files": {hit.value for hit in scanner.tree(run.var / "lake")[0]},
            "dump": {hit.value for hit in scanner.database(server.url("bare"))[0]},
            "raw": {hit.value for hit in scanner.tree(data_of(server)[0])[0]},
        }
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    kinds = {truth.values[value] for value in accepted}
    assert kinds >= {"id", "name", "phone", "address", "number"} and len(accepted) > 3000
    assert accepted <= found["files"] and accepted <= found["dump"]
    assert accepted & truth.searchable.keys() <= found["raw"]


def _accepted(run: Shuqiao, truth: Truth) -> set[str]:
    """Lists the personal values of the published rows."""
    values: set[str] = set()
    for dataset in city_hub.DATASETS:
        with opened(run) as hub:
            rows = select(hub, f"SELECT * FROM {dataset}")
        values |= {value for row in rows for value in row.values() if isinstance(value, str) and value in truth.values}
    return values


@pytest.mark.parametrize("how", ["utf-8", "gb18030", "utf-16-le", "hex", "json", "base64", "gzip", "sha256", "sm3"])
def test_the_scan_reads_every_way_of_writing(how: str, truth: Truth, scanner: Scanner, tmp_path: Path) -> None:
    """A single value in a file of any common encoding is found."""

    name = next(value for value, kind in truth.searchable.items() if kind == "name" and not value.isascii())
    number = next(value for value, kind in truth.values.items() if kind == "id")
    written = {
        "hex": name.encode().hex().encode(),
        "json": json.dumps({"a": name}).encode(),
        "base64": base64.b64encode(f"x{name}, {number}".encode()),
        "gzip": gzip.compress(f"a {name}".encode()),
        "sha256": hashlib.sha256(number.encode()).digest(),
        "sm3": sm3(f"111:{number}".encode()).hex().encode(),
    }
    (tmp_path / "x.bin").write_bytes(
        written[how] if how == "gzip" else b"....." + (written.get(how) or name.encode(how))
    )
    assert scanner.tree(tmp_path)[0] != [], (how, (tmp_path / "x.bin").read_bytes())


def test_failing_syncs_say_no_value(vault, cluster, town, scanner, truth, tmp_path, caplog):  # noqa: PLR0917
    """Whatever breaks, at every step, on every source: message, log, run, audit event and leftovers hold no value."""
    caplog.set_level(logging.DEBUG)
    run = new_hub(vault, tmp_path, "failing")
    city_hub.register(run, city_hub.connection_urls(cluster, town))
    said: list[str] = []
    points = ("extract.landed", "validate.parts", "staging.settled", "lake.files_written", "serving.prepared")
    for dataset, point in zip(("population", "subsidy_payment", "marriage", "death", "licence"), points, strict=True):
        done = Shuqiao(dict(run.env) | {"SHUQIAO_FAULT": f"{point}:enospc"})("sync", "run", dataset)
        assert done.exit_code == 1, (dataset, point, done.stderr)
        said += [done.stdout, done.stderr, *_told(done.exception)]
    for broken in ("lake.rows.RowCoder.encode", "quality.gate.Gate.check", "lake.serving._Loader._load"):
        with mock.patch(broken, _spill_values(truth)):
            done = run("sync", "run", "population")
        assert done.exit_code == 1
        said += [done.stdout, done.stderr, *_told(done.exception)]
    said += [caplog.text]
    assert scanner.bytes("\n".join(said).encode(), "messages and logs") == []
    assert scanner.tree(tmp_path)[0] == []
    assert scanner.database(vault.url("failing"))[0] == []


def _spill_values(truth: Truth):
    """Raises what a data library raises: an exception whose text quotes the row."""
    number = next(value for value, kind in truth.values.items() if kind == "id")

    def broken(*_: object, **__: object) -> None:
        try:
            raise KeyError(f"row {number}")
        except KeyError as error:
            raise ValueError(f"could not convert {number}") from error

    return broken


def _told(error: BaseException | None) -> list[str]:
    """Returns an exception as a logger would write it."""
    return traceback.format_exception(error) if error else []


def test_a_password_is_nowhere(vault: Cluster, town: City, cluster: Cluster, tmp_path: Path) -> None:
    """A wrong password, in any form of URL: not in messages, lists, JSON, doctor, files or the database."""
    run = new_hub(vault, tmp_path, "passwords")
    secret = "S3cr3t-Zhong国-Wort"
    urls = connection_variants(cluster, town, secret)
    said = []
    for name, url in urls.items():
        run("connection", "set", name, "-", input=url + "\n")
        said += [run("connection", "test", name), run("connection", "test", name, "--json")]
    with city_hub.without_gx():
        said.append(run("entry", "apply", "--publish", city.CONTRACTS["population"]))
    said += [
        run("sync", "run", "population"),
        run("sync", "run", "population", "--json"),
        run("sync", "list", "--json"),
    ]
    said += [run("connection", "list"), run("connection", "list", "--json"), run("doctor"), run("doctor", "--json")]
    assert "S3cr3t" not in "\n".join(done.stdout + done.stderr for done in said)
    scanner = Scanner(Truth({secret: "number", "S3cr3t-Zhong": "number"}))
    assert scanner.tree(tmp_path)[0] == []
    assert scanner.database(vault.url("passwords"))[0] == []
    assert [hit for folder in data_of(vault) for hit in scanner.tree(folder)[0]] == []


def connection_variants(cluster: Cluster, town: City, secret: str) -> dict[str, str]:
    """Gives URLs with a wrong password in every place where people write one."""
    server = databases.plain_url(cluster.url("postgres"))
    right = databases.with_database(databases.with_account(server, city_hub.READER[0], secret), f"{town.prefix}police")
    return {
        "police": right,
        "mysql": f"mysql+pymysql://reader:{secret}@127.0.0.1:1/x",
        "closed": f"postgresql://reader:{secret}@127.0.0.1:1/x",
        "strange": f"postgresql://reader:{secret}@[::1/x",
        "unknown": f"nosuch://reader:{secret}@host/x",
        "files": f"sftp://reader:{secret}@127.0.0.1:1/data",
        "query": f"postgresql://127.0.0.1:1/x?user=reader&password={secret}",
    }


def test_the_day_after_names_nobody_either(vault: Cluster, cluster: Cluster, town: City, tmp_path: Path) -> None:
    """Updates, deletes, a rollback and retention leave nothing behind that names anybody."""
    folder = tmp_path / "town"
    shutil.copytree(town.folder, folder)
    prefix = f"{town.prefix}day_"
    with city_hub.departments(cluster, folder, prefix) as made:
        run = new_hub(vault, tmp_path / "hub", "daily")
        city_hub.register(run, city_hub.connection_urls(cluster, made))
        for dataset in ("population", "death"):
            run.ok("sync", "run", dataset)
        server = city.Server(databases.plain_url(cluster.url("postgres")), None, prefix)
        changes.apply(folder, server=server)
        for dataset in ("population", "death"):
            done = run("sync", "run", dataset)
            assert done.exit_code in (0, 3), done.stderr
        run("dataset", "rollback", "population", "--to", "1", "--reason", "试验")
        scanner = Scanner(truth_of(made))
        assert scanner.tree(tmp_path / "hub")[0] == []
        assert scanner.database(vault.url("daily"))[0] == []
