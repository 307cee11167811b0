"""Ports: the small Protocols by which exchange hands abilities down to the rooms below. No behaviour here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests hand in a fixed one."""

    def now(self) -> datetime:
        """Returns the aware present time in UTC."""
        ...


class Faults(Protocol):
    """Named fault points: a no-op in production, a kill or a full disk in crash tests."""

    def reach(self, point: str) -> None:
        """Marks that the durable step before `point` is done."""
        ...


class Keys(Protocol):
    """Keyed one-way functions of 32 bytes; the suite is `gm` (HMAC-SM3) or `international` (HMAC-SHA-256)."""

    @property
    def suite(self) -> str:
        """Names the suite: `gm` or `international`."""
        ...

    @property
    def generation(self) -> int:
        """Counts key generations from 1; stored with every published version."""
        ...

    def lookup_hashes(self, texts: Sequence[bytes | None]) -> list[bytes | None]:
        """Hashes `"<type>:<normalised key>"` (UTF-8) under the look-up key; null stays null."""
        ...

    def digests(self, rows: Sequence[bytes]) -> list[bytes]:
        """Hashes canonical rows under the digest key."""
        ...


class Seal(Protocol):
    """Authenticated encryption of short values, one a row: `kid:nonce:ct:tag` as one bytes value."""

    def seal(self, plaintexts: Sequence[bytes], associated: Sequence[bytes]) -> list[bytes]:
        """Encrypts each plaintext, bound to its associated data."""
        ...

    def open(self, sealed: Sequence[bytes], associated: Sequence[bytes]) -> list[bytes]:
        """Decrypts each value; raises SealBroken when key, value or associated data do not belong together."""
        ...


class FrameCipher(Protocol):
    """Authenticated encryption of large frames of a file (landing, quarantine)."""

    def encrypt(self, frame: bytes, associated: bytes) -> bytes:
        """Encrypts one frame."""
        ...

    def decrypt(self, frame: bytes, associated: bytes) -> bytes:
        """Decrypts one frame; raises SealBroken when it was changed, moved or cut."""
        ...
