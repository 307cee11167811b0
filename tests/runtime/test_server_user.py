"""As root PostgreSQL gets a user, a place and binaries that this user can reach, the same ones every time."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from runtime import places, server_user
from schemas.errors import SetupError

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands over to another user")


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Stands for /var/lib: a folder that every user can enter."""
    folder = Path(os.environ["SHUQIAO_TEST_SESSION"]) / f"lib-{tmp_path.name}"  # noqa: TID251
    folder.mkdir(mode=0o711)
    monkeypatch.setattr(server_user, "_BASES", (folder,))
    return folder


@pytest.fixture
def closed(tmp_path):
    """A clone's folder below one that only root enters."""
    tmp_path.chmod(0o700)
    (tmp_path / "clone").mkdir()
    return tmp_path / "clone"


@root_only
def test_same_user_and_place_every_time(closed, outside):
    """The chosen number has no account, and both number and place stay."""
    first = server_user.footing(closed / "postgres")
    assert server_user.footing(closed / "postgres") == first
    assert first.base.parent == outside
    with pytest.raises(KeyError):
        pwd.getpwuid(first.uid)


@root_only
def test_open_clone_keeps_its_data(outside):
    """A clone that every user can enter keeps data and binaries where they are."""
    stand = server_user.footing(outside / "clone" / "postgres")
    assert stand.base == outside / "clone" / "postgres"
    assert stand.binaries == server_user.wheel_binaries()


@root_only
def test_copy_of_a_clone_is_refused(closed, outside, tmp_path):
    """After `cp -r` two clones must not share a data directory; a moved clone keeps its own."""
    server_user.footing(closed / "postgres")
    shutil.copytree(closed, tmp_path / "copy")
    with pytest.raises(SetupError, match="VAR_IS_A_COPY"):
        server_user.footing(tmp_path / "copy" / "postgres")
    shutil.rmtree(closed)
    assert server_user.footing(tmp_path / "copy" / "postgres").base.parent == outside


@root_only
def test_clone_moved_below_a_closed_folder_takes_its_data_along(closed, outside):
    """Data of a clone that is moved below a closed folder goes to the place outside."""
    server_user.footing(outside / "clone" / "postgres")
    (outside / "clone" / "postgres" / "data").mkdir()
    (outside / "clone" / "postgres" / "data" / "PG_VERSION").write_text("18")
    record = outside / "clone" / "postgres" / "place.json"
    shutil.move(outside / "clone" / "postgres", closed / "postgres")
    places.write_json(closed / "postgres" / record.name, {"base": str(closed / "postgres"), "uid": 55_555})
    stand = server_user.footing(closed / "postgres")
    assert stand.base.parent == outside
    assert (stand.data / "PG_VERSION").read_text() == "18"


@root_only
def test_binaries_below_a_closed_folder_are_copied_and_work(closed, outside, monkeypatch):
    """Binaries that the user cannot reach are copied with their libraries; the copy starts."""
    package = server_user.wheel_binaries().parent.parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, closed / folder.name)
    monkeypatch.setattr(server_user, "wheel_binaries", lambda: closed / package.name / "pginstall18" / "bin")
    stand = server_user.footing(closed / "postgres")
    assert stand.binaries.is_relative_to(stand.base)
    assert server_user._can(stand.uid, [str(stand.binaries / "postgres"), "--version"])
    assert server_user._can(stand.uid, [str(stand.binaries / "initdb"), "--version"])
    assert server_user.footing(closed / "postgres") == stand


@root_only
def test_no_place_at_all_is_said(closed, monkeypatch):
    """Where nothing outside can be written either, the message names the way out."""
    monkeypatch.setattr(server_user, "_BASES", (Path("/proc/nowhere"),))
    with pytest.raises(SetupError, match="NO_PLACE_FOR_DATABASE"):
        server_user.footing(closed / "postgres")


@root_only
def test_root_that_may_not_switch_is_said(closed, monkeypatch):
    """Root without the right to become another user is told to run as an ordinary one."""

    def refuse(*_arguments, **_named):
        raise server_user.subprocess.SubprocessError

    monkeypatch.setattr(server_user.subprocess, "run", refuse)
    with pytest.raises(SetupError, match="CANNOT_LEAVE_ROOT"):
        server_user.footing(closed / "postgres")


def test_ordinary_user_runs_the_server_itself(tmp_path, monkeypatch):
    """Without root nothing is handed over and nothing leaves the clone."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    stand = server_user.footing(tmp_path / "postgres")
    assert (stand.base, stand.uid) == (tmp_path / "postgres", None)
    assert server_user.demoted(None) == {}
    assert server_user.named_uid() is None


def test_missing_package_is_said(monkeypatch):
    """Without the wheel the message says to install again."""
    monkeypatch.setattr(server_user.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SetupError, match="make run"):
        server_user.wheel_binaries()
