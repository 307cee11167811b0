"""The embedded PostgreSQL is found, healed, private and reachable from any path."""

import os
import shutil
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from runtime import places, processes
from runtime.postgres import Cluster
from schemas.errors import SetupError


@pytest.fixture
def folder(tmp_path_factory):
    """A folder that any user can reach, as a clone outside /root is."""
    made = Path(os.environ["SHUQIAO_TEST_SESSION"]) / "own"  # noqa: TID251
    made.mkdir(mode=0o711, exist_ok=True)
    place = made / f"c{len(list(made.iterdir()))}"
    place.mkdir(mode=0o711)
    return place


def cluster_in(folder):
    """Returns a cluster kept in the folder."""
    for name in ("run", "secrets"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    return Cluster(folder / "postgres", folder / "run", folder / "secrets", settings={"fsync": "off"})


@pytest.fixture
def own(folder):
    """A cluster of the test's own, stopped after it."""
    made = cluster_in(folder)
    yield made
    made.stop()


def one(cluster):
    """Asks the cluster for the number 1."""
    with cluster.connect() as connection:
        return connection.execute("SELECT 1").fetchone()[0]


def test_second_start_finds_the_first(own, folder):
    """Another process that starts the cluster gets the running server, not a second one."""
    assert cluster_in(folder).start() == own.start()


def test_heals_after_the_server_was_killed(own, folder):
    """After kill -9 of the server the next start serves the same data."""
    server = own.start()
    with own.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    again = cluster_in(folder)
    assert again.start().pid != server.pid
    with again.connect() as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_foreign_process_with_the_recorded_pid_does_not_stop_the_start(own):
    """A stale pid file that names a living process of ours (a reused pid) is recognised as stale."""
    own.start()
    data = Path(own.home) / "data"
    text = (data / "postmaster.pid").read_text()
    own.stop()
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *text.splitlines()[1:]]))
    own.start()
    assert one(own) == 1


def test_half_made_cluster_is_made_again(own):
    """A cluster whose making was interrupted is made anew."""
    (own.home / "data").mkdir(parents=True)
    (own.home / "data" / "half").touch()
    own.start()
    assert one(own) == 1


def test_password_is_asked_on_socket_and_loopback(own):
    """Nobody gets in without the generated password, by either way."""
    server = own.start()
    for host in (server.socket_dir, "127.0.0.1"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=host, port=server.port, user="shuqiao_admin", password="wrong", dbname="postgres")


def test_files_are_private(own, folder):
    """Secrets, record and socket folder are readable by their owner only."""
    server = own.start()
    own.ensure_database("hub", "hub")
    for path in [*(folder / "secrets").iterdir(), folder / "run" / "postgres.json"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(Path(server.socket_dir).stat().st_mode) == 0o700
    assert len(server.socket_dir) < 80


def test_stop_removes_what_it_put_outside(own):
    """After stop no process works in the data directory and the socket folder is gone."""
    server = own.start()
    assert own.stop() is True
    assert not Path(server.socket_dir).exists()
    assert processes.working_in(own.home / "data") == []
    assert own.stop() is False


@pytest.mark.parametrize("name", ["有 blank 数桥", "x" * 150])
def test_any_path(folder, name):
    """A path with blanks and Chinese characters and one of 150 characters both work."""
    place = folder / name
    place.mkdir(mode=0o711)
    cluster = cluster_in(place)
    cluster.start()
    try:
        assert one(cluster) == 1
    finally:
        cluster.stop()


def test_role_reaches_its_own_database_only(own):
    """The hub's role has no special rights and cannot enter a database of another role."""
    own.start()
    own.ensure_database("other", "other")
    url = own.ensure_database("hub", "hub").replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'hub'").fetchone() == (False,)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(url.replace("/hub?", "/other?"))


def test_lost_password_is_said(own, folder):
    """A password file that is not the database's is named, and its content is not."""
    own.start()
    (folder / "secrets" / "postgres-shuqiao_admin").write_text("another")
    with pytest.raises(SetupError, match="DATABASE_PASSWORD") as caught:
        cluster_in(folder).start()
    assert "another" not in str(caught.value)
    own.stop()


def test_log_holds_no_value(own, folder):
    """A failing statement leaves neither its text nor its values in the server's log."""
    own.start()
    with own.connect() as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT '11010519491231002X'::integer")
    assert "11010519491231002X" not in (folder / "log" / "postgres.log").read_text()


def test_var_of_another_user_is_refused(tmp_path, monkeypatch):
    """A var/ of another user is refused in words that name both."""
    place = places.Places(tmp_path / "var")
    place.prepare()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(SetupError, match="VAR_OF_ANOTHER_USER") as caught:
        place.prepare()
    assert "12345" in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user")
def test_root_with_a_closed_folder_keeps_the_data_outside(tmp_path):
    """As root below a folder that only root enters, the data goes to a recorded place outside."""
    tmp_path.chmod(0o700)
    closed = cluster_in(tmp_path)
    closed.start()
    base = Path(places.read_json(tmp_path / "postgres" / "place.json")["base"])
    try:
        assert base != tmp_path / "postgres"
        assert (base / "data" / "PG_VERSION").exists()
        assert one(closed) == 1
    finally:
        closed.stop()
        assert base.name.startswith("shuqiao-")
        shutil.rmtree(base)
