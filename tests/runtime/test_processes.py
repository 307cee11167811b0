"""Processes are ended by what was recorded of them, never by a number alone; locks end with their holder."""

import os
import signal
import subprocess
import sys
import time

import pytest

from runtime import locks, places, processes
from schemas.errors import Busy, SetupError


@pytest.fixture
def sleeper(tmp_path):
    """A process that only waits, in the test's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"], cwd=tmp_path, stdout=-1
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_recorded_process_is_found_until_it_ends(sleeper):
    """A recorded process is found while it lives, and not once it is dead."""
    recorded = processes.record(sleeper.pid)
    assert processes.find(recorded).pid == sleeper.pid
    processes.end(processes.find(recorded), grace=5)
    assert processes.find(recorded) is None


def test_other_process_with_the_same_number_is_not_found(sleeper):
    """A process whose number was given to another is not the recorded one."""
    recorded = processes.record(sleeper.pid).as_json()
    assert processes.find({**recorded, "started": "boot:1"}) is None
    assert processes.find({}) is None
    assert processes.find({"pid": "x", "started": ""}) is None


def test_stubborn_process_and_its_children_are_killed(tmp_path):
    """A process that ignores the request is killed after its grace, its children with it."""
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(1, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE)
    process.stdout.readline()
    assert len(processes.working_in(tmp_path)) == 2
    processes.end(processes.find(processes.record(process.pid)), grace=0.3)
    assert processes.wait_until_gone(tmp_path, 5)
    process.wait()


def test_waiting_for_a_folder_ends(sleeper, tmp_path):
    """Waiting for a folder that someone works in ends after its time; killing frees it."""
    assert processes.wait_until_gone(tmp_path, 0.2) is False
    processes.kill(processes.working_in(tmp_path))
    assert processes.wait_until_gone(tmp_path, 5) is True


def test_lock_is_free_again_when_its_holder_is_killed(tmp_path):
    """A lock of a killed process is taken at once; that of a living one is refused with its note."""
    program = (
        "import time; from pathlib import Path; from runtime import locks\n"
        f"locks.take(Path({str(tmp_path / 'lock')!r}), 'me'); print(1, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    process.stdout.readline()
    with pytest.raises(Busy, match="me"), locks.held(tmp_path / "lock", wait=0.2, what="test"):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    with locks.held(tmp_path / "lock", wait=5, what="test"):
        assert time.monotonic() - began < 2
    assert locks.holder(tmp_path / "absent") == ""


def test_secret_is_made_once_and_private(tmp_path):
    """A secret is generated once, readable by its owner only; an emptied one is refused, not made anew."""
    assert places.secret(tmp_path, "one") == places.secret(tmp_path, "one")
    assert len(places.secret(tmp_path, "one")) >= 43
    assert places.secret(tmp_path, "one") != places.secret(tmp_path, "two")
    (tmp_path / "one").write_text("")
    with pytest.raises(SetupError):
        places.secret(tmp_path, "one")


def test_damaged_record_is_like_none(tmp_path):
    """A record that is no JSON object is read as empty."""
    for text in ("", "{", "[1]"):
        (tmp_path / "record").write_text(text)
        assert places.read_json(tmp_path / "record") == {}


def test_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    """A var/ that cannot be made is named, with what to do."""

    def refuse(*_arguments, **_named):
        raise PermissionError

    monkeypatch.setattr(places.Path, "mkdir", refuse)
    with pytest.raises(SetupError, match="VAR_NOT_WRITABLE"):
        places.Places(tmp_path / "var").prepare()


def test_user_without_account_is_named_by_number():
    """A user number without an account is shown as it is."""
    assert places.user_name(54_321) == "54321"
