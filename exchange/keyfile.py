"""The key file: root secrets with ids and generations, outside the repository, readable by its owner alone.

The newest generation seals and signs. One generation makes the keyed hashes (look-up, digest); a new generation leaves
that alone, since every row key and subject key of the lake would have to be made anew with it.

Does no cryptography (exchange/crypto.py derives every key from these secrets) and shows no secret.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, overload

from schemas.errors import SetupError, StateError

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class RootKey:
    """One generation of the root secret."""

    generation: int
    created_at: str
    secret: bytes = field(repr=False)
    #: Whether this one makes the keyed hashes; where none does, the newest makes them.
    hashes: bool = False
    #: Keys of the hashes alone, by suite and purpose, once the secret itself was retired (empty then).
    derived: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class KeyRing(Sequence[RootKey]):
    """The generations of a key file, oldest first, read anew when the file has changed.

    A rotation so reaches every process of the hub with the next seal that it makes, without a restart.
    """

    def __init__(self, path: Path, now: datetime) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], tuple[RootKey, ...]] = ((0, 0, 0), load_or_create(path, now))

    def _current(self) -> tuple[RootKey, ...]:
        try:
            found = self._path.stat()
        except FileNotFoundError:  # keys in memory are the last copy then
            return self._read[1]
        mark = (found.st_mtime_ns, found.st_ino, found.st_size)
        if mark != self._read[0]:
            self._read = (mark, _read(self._path))
        return self._read[1]

    @overload
    def __getitem__(self, at: int) -> RootKey: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[RootKey]: ...

    def __getitem__(self, at: int | slice) -> RootKey | Sequence[RootKey]:
        return self._current()[at]

    def __iter__(self) -> Iterator[RootKey]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def __repr__(self) -> str:
        return f"KeyRing({self._path.name})"


def load_or_create(path: Path, now: datetime) -> tuple[RootKey, ...]:
    """Reads the generations from the key file, oldest first; makes the file when it is not there yet."""
    if not path.exists():
        _create(path, [_new(1, now)])
    return _read(path)


def add_generation(path: Path, now: datetime) -> RootKey:
    """Adds a generation to the key file; values under the older ones stay readable."""
    with _held(path):
        known = _read(path)
        hashing = hash_key(known).generation
        added = _new(known[-1].generation + 1, now)
        kept = [replace(key, hashes=key.generation == hashing) for key in known]
        _write(path, [*kept, added])
    return added


def remove_generation(path: Path, generation: int, hash_keys: Mapping[str, bytes]) -> None:
    """Removes a generation's secret for good: whatever is still sealed under it is lost. Never that of the newest.

    Of the generation that makes the hashes `hash_keys` (by suite and purpose) stay, from which no seal opens.
    """
    with _held(path):
        known = _read(path)
        if generation == known[-1].generation:
            raise StateError(
                f"第{generation}代密钥在使用中，不能退役", "最新一代须保留", "请先更换密钥", code="KEY_IN_USE"
            )
        if generation not in {key.generation for key in known if key.secret}:
            raise StateError(
                f"密钥文件中没有第{generation}代密钥", "", "请用 shuqiao keys status 查看", code="KEY_UNKNOWN"
            )
        hashing = hash_key(known).generation
        if generation == hashing:
            kept = [replace(k, secret=b"", derived=hash_keys) if k.generation == generation else k for k in known]
        else:
            kept = [key for key in known if key.generation != generation]
        _write(path, [replace(key, hashes=key.generation == hashing) for key in kept])


def hash_key(keys: Sequence[RootKey]) -> RootKey:
    """Returns the generation that makes the keyed hashes."""
    return next((key for key in keys if key.hashes), keys[-1])


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keeps other processes from changing the key file; who reads it sees it whole, before or after."""
    with path.with_name(f".{path.name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, keys: list[RootKey]) -> None:
    _write_temporary(path, keys).replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
            {"generation": key.generation, "created_at": key.created_at, "secret": key.secret.hex()}
            | ({"hashes": True} if key.hashes else {})
            | ({"derived": {name: value.hex() for name, value in key.derived.items()}} if key.derived else {})
            for key in keys
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
        keys = tuple(map(_root, listed))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise _unreadable(path) from None
    if not keys or not all(len(key.secret) == SECRET_BYTES or (key.derived and key is not keys[-1]) for key in keys):
        raise _unreadable(path)
    return tuple(sorted(keys, key=lambda key: key.generation))


def _root(facts: Mapping[str, Any]) -> RootKey:
    derived = {str(name): bytes.fromhex(value) for name, value in facts.get("derived", {}).items()}
    secret, hashes = bytes.fromhex(facts["secret"]), facts.get("hashes") is True
    return RootKey(int(facts["generation"]), str(facts["created_at"]), secret, hashes, derived)


def _unreadable(path: Path) -> SetupError:
    return SetupError(
        f"密钥文件 {path} 无法读取",
        "应为枢纽自己生成的密钥文件",
        "请从备份恢复该文件；没有它，已封存的数据无法打开",
        code="KEY_FILE",
    )
