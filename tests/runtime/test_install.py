"""Set-up installs once, again when what decides it changed, and never into a broken environment."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from runtime import install


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone without packages, and what was run for it."""
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text("x==1\n", "utf-8")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "_STAMP", tmp_path / ".venv" / "shuqiao-installed")
    commands = []

    def run(command, **named):
        commands.append(command)
        return SimpleNamespace(returncode=named.pop("fails", 0), stdout="")

    monkeypatch.setattr(install.subprocess, "run", run)
    monkeypatch.setattr(install, "_make_venv", lambda: (tmp_path / ".venv").mkdir(exist_ok=True) or True)
    return SimpleNamespace(folder=tmp_path, commands=commands, monkeypatch=monkeypatch)


def test_installs_once(clone):
    """The first call installs the lock and the project itself without resolving anything; the second does nothing."""
    assert install.main() == 0
    assert [command[-2:] for command in clone.commands] == [["-r", "requirements.txt"], ["-e", "."]]
    assert "--no-deps" in clone.commands[1]
    clone.commands.clear()
    assert install.main() == 0
    assert clone.commands == []


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_changed_input_installs_again(clone, name):
    """A changed lock or project file installs again."""
    install.main()
    clone.commands.clear()
    (clone.folder / name).write_text("x==2\n", "utf-8")
    assert install.main() == 0
    assert len(clone.commands) == 2


def test_failed_installation_leaves_no_stamp(clone, capsys):
    """When pip fails the next call tries again."""
    clone.monkeypatch.setattr(install.subprocess, "run", lambda *_a, **_n: SimpleNamespace(returncode=1, stdout=""))
    assert install.main() == 1
    assert "installing failed" in capsys.readouterr().err
    assert not install._is_done()


def test_missing_venv_module_is_named(clone, capsys):
    """Without the means to make an environment the package to install is named."""
    clone.monkeypatch.setattr(install, "_make_venv", lambda: False)
    assert install.main() == 1
    assert "python3-venv" in capsys.readouterr().err


def test_environment_is_made_and_found_again(tmp_path, monkeypatch):
    """A virtual environment is made with pip; one that was moved here is made anew, a good one is kept."""
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    assert install._make_venv() is True
    python = tmp_path / ".venv" / "bin" / "python"
    assert install._prints(python, "import pip; print('pip')") == "pip"
    kept = tmp_path / ".venv" / "kept"
    kept.touch()
    assert install._make_venv() is True
    assert kept.exists()
    (tmp_path / ".venv").rename(tmp_path / "moved")
    monkeypatch.setattr(install, "VENV", tmp_path / "moved")
    (tmp_path / "moved" / "bin" / "python").unlink()
    assert install._make_venv() is True
    assert not (tmp_path / "moved" / "kept").exists()


def test_runs_on_a_bare_python():
    """Set-up imports the standard library alone: it runs before any package is there."""
    program = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; import runtime.install"
    done = subprocess.run([sys.executable, "-S", "-c", program], cwd=install.ROOT, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
