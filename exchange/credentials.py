"""Passwords, one-time codes and recovery codes: how each is made, kept and checked. Opens no session, decides no right.

A password is kept as argon2id, the secret of one-time codes sealed and bound to its account, a recovery code as a keyed
hash under the same seal.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import cast

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from catalog.stores.accounts import Account
from exchange.hub import Hub
from schemas.errors import InputError
from schemas.rules.book import book

RECOVERY_CODES = 8
_HASHER = PasswordHasher()
#: Each check takes 64 MiB: strangers who try many at once must not take all memory.
_AT_ONCE = BoundedSemaphore(4)
#: For first passwords: made at random with 80 bits, they need no slow hash, and a list opens hundreds at once.
_QUICK = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
#: What a wrong login name is checked against, so that it takes as long as a wrong password.
_NOBODY = _HASHER.hash(secrets.token_hex(8))
_CLASSES = (str.isdigit, str.islower, str.isupper, lambda c: not c.isalnum())
#: Letters and digits that nobody mistakes for one another on paper.
_CLEAR = ("23456789", "abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "-+=@#%")


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What an account's second factor rests on: the secret of its codes, and its unused recovery codes as hashes."""

    secret: str
    recovery: tuple[str, ...] = ()


def hash_password(password: str) -> str:
    """Hashes a password (argon2id); raises InputError when it is too weak."""
    kinds = sum(any(kind(c) for c in password) for kind in _CLASSES)
    shortest = int(book().number("PASSWORD_CHARACTERS"))
    if len(password) < shortest or kinds < 3:
        raise InputError("口令过于简单", f"至少{shortest}个字符，含数字、小写、大写、符号中的三种", "请换一个口令",
                         code="PASSWORD_WEAK")  # fmt: skip
    return _HASHER.hash(password)


def hash_first_password(password: str) -> str:
    """Hashes a password of `first_password`."""
    return _QUICK.hash(password)


def password_fits(hashed: str | None, password: str) -> bool:
    """Checks a password; one that there is none for takes as long and never fits."""
    try:
        with _AT_ONCE:
            return _HASHER.verify(hashed or _NOBODY, password) and hashed is not None
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def first_password() -> str:
    """Makes a first password: 14 characters of all four classes, readable on paper."""
    letters = [secrets.choice(kind) for kind in _CLEAR]
    letters += [secrets.choice("".join(_CLEAR[:3])) for _ in range(10)]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def seal_factor(hub: Hub, account_id: str, factor: SecondFactor) -> bytes:
    """Seals the second factor of an account."""
    text = json.dumps({"secret": factor.secret, "recovery": list(factor.recovery)})
    return hub.crypto.seal("connections").seal([text.encode()], [_bound(account_id)])[0]


def open_factor(hub: Hub, account: Account) -> SecondFactor:
    """Opens the second factor of an account that has one."""
    opened = hub.crypto.seal("connections").open([account.totp_sealed or b""], [_bound(account.id)])[0]
    found = json.loads(opened)
    return SecondFactor(found["secret"], tuple(found["recovery"]))


def _bound(account_id: str) -> bytes:
    return f"totp:{account_id}".encode()


def step_of(factor: SecondFactor, code: str | None, now: datetime, last_step: int) -> int | None:
    """Returns the time step of a one-time code (RFC 6238), one early or late; None when it is wrong or was used."""
    typed = (code or "").strip()
    codes = pyotp.TOTP(factor.secret)
    for drift in (-1, 0, 1):
        step = int(now.timestamp()) // 30 + drift
        if step > last_step and secrets.compare_digest(codes.generate_otp(step).encode(), typed.encode()):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Makes recovery codes, each of 50 random bits."""
    letters = "23456789abcdefghjkmnpqrstuvwxyz"
    words = ["".join(secrets.choice(letters) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    return [f"{word[:5]}-{word[5:]}" for word in words]


def hash_recovery(hub: Hub, account_id: str, code: str) -> str:
    """Returns the keyed hash under which a recovery code is kept."""
    plain = code.strip().lower().replace("-", "")
    hashed = hub.crypto.keys().lookup_hashes([f"recovery:{account_id}:{plain}".encode()])[0]
    return cast(bytes, hashed).hex()
