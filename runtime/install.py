"""Sets up `.venv` for this clone with the pinned packages. Runs on a bare Python: standard library only.

pip is used as it is configured on the machine, so an index of the organisation's own needs no setting here.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
_STAMP = VENV / "shuqiao-installed"
#: What decides which packages are there.
_INPUTS = ("requirements.txt", "pyproject.toml")


def fingerprint() -> str:
    """Returns what the stamp must say: the inputs, the Python and the place (a moved virtual environment is broken)."""
    digest = hashlib.sha256(f"{sys.version}|{sys.base_prefix}|{VENV}".encode())
    for name in _INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Installs what is missing; returns the exit status."""
    if _is_done():
        return 0
    try:
        return _locked_install()
    except PermissionError as error:
        sys.stderr.write(f"无法写入 {error.filename}，请以克隆的所有者运行（run as the owner of this clone）\n")
        return 1


def _locked_install() -> int:
    lock = os.open(ROOT / "pyproject.toml", os.O_RDONLY)
    try:
        # A second `make` waits here instead of installing into the same folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return 0 if _is_done() else _install()
    finally:
        os.close(lock)


def _is_done() -> bool:
    return _STAMP.exists() and _STAMP.read_text(encoding="ascii") == fingerprint()


def _install() -> int:
    sys.stdout.write("安装依赖到 .venv，首次需要几分钟（installing the packages, a few minutes the first time）…\n")
    sys.stdout.flush()
    _STAMP.unlink(missing_ok=True)
    if not _make_venv():
        sys.stderr.write("无法建立虚拟环境，请安装 python3-venv（no virtual environment: install python3-venv）\n")
        return 1
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The lock names every package: pip has nothing to look for.
    for what in (["--no-deps", "-r", "requirements.txt"], ["--no-deps", "--no-build-isolation", "-e", "."]):
        done = subprocess.run([*pip, *what], cwd=ROOT, check=False)
        if done.returncode:
            sys.stderr.write("依赖安装失败，原因见上；修复后再次运行（installing failed, see above; then run again）\n")
            return 1
    _STAMP.write_text(fingerprint(), encoding="ascii")
    return 0


def _make_venv() -> bool:
    """Makes sure of a virtual environment with pip; one that was moved here is thrown away."""
    python = VENV / "bin" / "python"
    works = python.exists() and _prints(python, "import sys; print(sys.prefix)") == str(VENV)
    if not works:
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            venv.create(VENV, with_pip=True)
        except (subprocess.CalledProcessError, ImportError):
            return False
    if _prints(python, "import pip; print('pip')") != "pip":
        return subprocess.run([str(python), "-m", "ensurepip", "--upgrade"], check=False).returncode == 0
    return True


def _prints(python: Path, program: str) -> str:
    done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
