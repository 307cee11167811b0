"""The portal as a process: it says where it listens, is ready when it says so, is started again, and ends."""

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from pydantic import SecretStr

from exchange.settings import Settings
from runtime import places, processes
from runtime.places import Places
from runtime.portal_process import PortalProcess
from schemas.errors import SetupError
from tests.structure.house import ROOT


@pytest.fixture
def settings(database_url, tmp_path, monkeypatch):
    """Settings of a clone whose portal reaches the test's database."""
    monkeypatch.setenv("SHUQIAO_DATABASE_URL", database_url)
    settings = Settings(var=tmp_path / "var", database_url=database_url, dags_file=tmp_path / "dags.py")
    Places(settings.var).prepare()
    return settings


@pytest.fixture
def portal(settings):
    """A portal that is ended after the test."""
    made = PortalProcess(settings)
    yield made
    made.stop()


def test_started_ready_started_again_and_ended(portal, settings):
    """Ready answers by HTTP, a killed portal comes back on its port, an ended one is gone with its record."""
    portal.start()
    portal.wait_ready()
    assert httpx.get(f"{portal.url}/healthz", trust_env=False).json() == {"status": "ok"}
    assert httpx.get(f"{portal.url}/", trust_env=False).headers["location"] == "/sign-in?next=/"
    record = places.read_json(settings.var / "run" / "portal.json")
    assert record["port"] == portal.port == places.read_json(settings.var / "run" / "ports.json")["portal"]
    os.kill(record["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not portal.keep_alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    portal.wait_ready()
    again = places.read_json(settings.var / "run" / "portal.json")
    assert (again["port"], again["pid"] != record["pid"]) == (record["port"], True)
    assert portal.stop() and not portal.ready()
    assert processes.find(again) is None and not (settings.var / "run" / "portal.json").exists()
    assert not portal.stop()


def test_a_portal_left_by_a_killed_supervisor_is_ended(portal, settings):
    """A later supervisor finds the portal by its record and ends it; the port stays the same."""
    portal.start()
    portal.wait_ready()
    later = PortalProcess(settings)
    assert later.stop() and not portal.ready()
    later.start()
    assert later.port == portal.port
    later.stop()


def test_a_portal_that_cannot_start_is_said(settings):
    """A portal that dies again and again is an error that names its log."""
    nowhere = SecretStr("postgresql+psycopg://nobody@127.0.0.1:1/none")
    portal = PortalProcess(settings.model_copy(update={"database_url": nowhere}))
    portal.start()
    try:
        with pytest.raises(SetupError, match=r"portal\.log"):
            portal.wait_ready(60)
    finally:
        portal.stop()
    assert "DATABASE" in (settings.var / "log" / "portal.log").read_text("utf-8")


def test_a_taken_port_is_said(settings):
    """`python -m portal --port N` on a port in use gives one line on stderr and status 1."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        command = [sys.executable, "-m", "portal", "--port", str(other.getsockname()[1])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "[PORT]" in done.stderr and done.stderr.count("\n") == 1
