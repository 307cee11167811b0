"""Where the embedded stack keeps its state under `var/`, and whose it is. Makes folders; starts nothing."""

import hashlib
import json
import os
import pwd
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import SetupError

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one stack."""

    var: Path

    @property
    def run(self) -> Path:
        """Holds pids, ports and locks (0700)."""
        return self.var / "run"

    @property
    def secrets(self) -> Path:
        """Holds generated passwords and keys (0700, files 0600)."""
        return self.var / "secrets"

    @property
    def log(self) -> Path:
        """Holds what the servers print (0700)."""
        return self.var / "log"

    @property
    def airflow(self) -> Path:
        """Is AIRFLOW_HOME."""
        return self.var / "airflow"

    def prepare(self) -> None:
        """Makes the folders; raises SetupError when they are another user's or cannot be written."""
        try:
            self.var.mkdir(parents=True, exist_ok=True)
            self._refuse_other_owner()
            # Traversable for root only: PostgreSQL then runs as a user of its own below var/postgres.
            self.var.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.run, self.secrets, self.log, self.airflow):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
        except PermissionError:
            raise SetupError(
                f"无法写入目录 {self.var}（no permission to write {self.var}）",
                f"当前用户 {user_name(os.geteuid())} 必须能写该目录（the user must own it）",
                "请换用目录的所有者运行，或另行克隆一份（run as its owner, or make a clone of your own）",
                code="VAR_NOT_WRITABLE",
            ) from None

    def _refuse_other_owner(self) -> None:
        owner = self.var.stat().st_uid
        if owner != os.geteuid():
            mine, theirs = user_name(os.geteuid()), user_name(owner)
            raise SetupError(
                f"{self.var} 属于用户 {theirs}，当前用户是 {mine}（var/ belongs to {theirs}, you are {mine}）",
                "一份克隆只能由一个用户运行（one clone is run by one user）",
                f"请以 {theirs} 运行，或另行克隆一份（run as {theirs}, or make a clone of your own）",
                code="VAR_OF_ANOTHER_USER",
            )


def user_name(uid: int) -> str:
    """Names a user by log-in name, or by number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    Path(name).replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Reads a record; an absent or damaged one is empty, since every record can be made again."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Writes a record in one step, readable by its owner only."""
    write_private(path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def secret(folder: Path, name: str) -> str:
    """Reads the secret called `name`, generating it the first time (256 bits, URL-safe)."""
    path = folder / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise SetupError(
            f"密钥文件为空（empty secret file）：{path}", "", "请从备份恢复该文件（restore it from a backup）"
        )
    return text


def short_hash(text: str) -> str:
    """Shortens a path to twelve hex digits, to name things outside the clone."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
