"""The key file: root secrets with ids and generations, outside the repository, readable by its owner alone.

Does no cryptography (exchange/crypto.py derives every key from these secrets) and shows no secret.
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.errors import SetupError

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class RootKey:
    """One generation of the root secret."""

    generation: int
    created_at: str
    secret: bytes = field(repr=False)


def load_or_create(path: Path, now: datetime) -> tuple[RootKey, ...]:
    """Reads the generations from the key file, oldest first; makes the file when it is not there yet."""
    if not path.exists():
        _create(path, [_new(1, now)])
    return _read(path)


def add_generation(path: Path, now: datetime) -> RootKey:
    """Adds a generation to the key file; values under the older ones stay readable."""
    known = _read(path)
    added = _new(known[-1].generation + 1, now)
    temporary = _write_temporary(path, [*known, added])
    temporary.replace(path)
    return added


def _new(generation: int, now: datetime) -> RootKey:
    return RootKey(generation, now.isoformat(timespec="seconds"), secrets.token_bytes(SECRET_BYTES))


def _create(path: Path, keys: list[RootKey]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = _write_temporary(path, keys)
    # A link fails when the file is there: of two first uses at once one wins, and both read the winner's keys.
    with suppress(FileExistsError):
        os.link(temporary, path)
    temporary.unlink()


def _write_temporary(path: Path, keys: list[RootKey]) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    document = {
        "keys": [
            {"generation": key.generation, "created_at": key.created_at, "secret": key.secret.hex()} for key in keys
        ]
    }
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _read(path: Path) -> tuple[RootKey, ...]:
    if path.stat().st_mode & 0o077:
        raise SetupError(
            f"密钥文件 {path} 可被其他用户读取",
            "密钥文件只允许所有者读写（0600）",
            f"请执行 chmod 600 {path} 并核查是否泄露",
            code="KEY_FILE_MODE",
        )
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["keys"]
        keys = tuple(RootKey(int(k["generation"]), str(k["created_at"]), bytes.fromhex(k["secret"])) for k in listed)
    except (OSError, ValueError, KeyError, TypeError):
        raise _unreadable(path) from None
    if not keys or any(len(key.secret) != SECRET_BYTES for key in keys):
        raise _unreadable(path)
    return tuple(sorted(keys, key=lambda key: key.generation))


def _unreadable(path: Path) -> SetupError:
    return SetupError(
        f"密钥文件 {path} 无法读取",
        "应为枢纽自己生成的密钥文件",
        "请从备份恢复该文件；没有它，已封存的数据无法打开",
        code="KEY_FILE",
    )
