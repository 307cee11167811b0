"""Why a call is made: purpose, who sits at the desk, for whom, in which case. Checked before anything is read.

A call without a case number (办件编号) names an intake number (预受理号), which is bound to its case later.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from sqlalchemy import Connection

from catalog.stores import intake_numbers
from catalog.stores.intake_numbers import Intake
from exchange.access import Actor
from exchange.hub import Hub
from schemas.errors import Denied, HubError, InputError, StateError
from schemas.grants import PURPOSES, WAYS, Purpose, Way
from schemas.identifiers import citizen_id
from schemas.rules.book import book

_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9()（）〔〕\[\]号第字._/-]{3,59}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_WORDS = re.compile(r"[^\x00-\x1f<>=@]{1,60}")
_LONG_NUMBER = re.compile(r"\d{15}|\d{17}[\dXx]")


@dataclass(frozen=True, slots=True)
class MachineActor(Actor):
    """A machine client of a department; `ways` are the operations that its credential may call."""

    ways: frozenset[str] = frozenset()


def require_way(actor: Actor, way: Way) -> None:
    """Raises Denied for a machine client whose credential has not the way."""
    if isinstance(actor, MachineActor) and way not in actor.ways:
        raise Denied(
            f"该客户端没有“{WAYS[way]}”的调用范围",
            "、".join(WAYS[each] for each in WAYS if each in actor.ways) or "无",
            "请由部门管理员调整客户端，或换用其他操作", code="CLIENT_WAY",
        )  # fmt: skip


def require_request_id(actor: Actor, text: str) -> None:
    """Raises InputError for a call without a number of its own where one has to be, or with one of another form."""
    if (isinstance(actor, MachineActor) or text) and not _REQUEST_ID.fullmatch(text):
        allowed = "每次调用写一个新的请求编号，8至64位字母、数字、点、横线"
        raise InputError("没有请求编号或写法不对", allowed, "请补充 request_id 后重试", code="REQUEST_ID")


def caller_of(actor: Actor) -> str:
    """Names who numbers his calls: a department's account or client."""
    return f"{actor.department}:{actor.account or actor.name}"


def replayed() -> StateError:
    """Returns the refusal of a request id that stands for another call."""
    return StateError(
        "该请求编号已用于另一次调用", "同一编号只能重发完全相同的请求", "请换一个新的请求编号", code="REQUEST_REPLAYED"
    )


@dataclass(frozen=True, slots=True)
class Why:
    """What a caller says: `handler` is the person at the desk (经办人) and `window` where; `principal` and `consent`
    when acting for somebody (代办); a case number or an intake number; `request_id` numbers the call."""

    purpose: str = ""
    handler: str = ""
    window: str = ""
    principal: str = ""
    consent: str = ""
    case_no: str = ""
    intake_no: str = ""
    service_item: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """A checked Why: as it goes into the log, with no person's number in it."""

    purpose: Purpose
    handler: str
    window: str
    principal: str | None
    consent: str | None
    case_no: str | None
    intake_no: str | None
    service_item: str | None

    def facts(self) -> dict[str, str]:
        """Returns what the log says beside purpose and case number."""
        named = {
            "handler": self.handler, "window": self.window, "principal": self.principal, "consent": self.consent,
            "intake_no": self.intake_no, "service_item": self.service_item,
        }  # fmt: skip
        return {name: value for name, value in named.items() if value}


def checked(hub: Hub, actor: Actor, why: Why) -> Ground:
    """Checks what a caller says; raises InputError naming what is missing or not of its form."""
    if why.purpose not in PURPOSES:
        raise InputError(
            "没有写明使用用途" if not why.purpose else "使用用途不在范围内",
            "、".join(f"{code}（{name}）" for code, name in PURPOSES.items()),
            "请写明用途后重试", code="WHY_PURPOSE",
        )  # fmt: skip
    machine = isinstance(actor, MachineActor)
    handler = why.handler.strip() or ("" if machine else actor.title or actor.name)
    if machine and not (handler and why.window.strip()):
        raise _missing("经办人或窗口", "系统调用须写明窗口前的经办人和窗口", "WHY_HANDLER")
    if bool(why.principal.strip()) != bool(why.consent.strip()):
        raise _missing("被代办人或其同意书编号", "代办的，两项都要写明", "WHY_CONSENT")
    if bool(why.case_no.strip()) == bool(why.intake_no.strip()):
        raise _missing("办件编号或预受理号", "受理后写办件编号，受理前写预受理号，二者写其一", "WHY_CASE")
    return Ground(
        cast(Purpose, why.purpose),
        _words(handler, "经办人"),
        _words(why.window, "窗口"),
        _principal(hub, why.principal),
        optional_number(why.consent, "同意书编号"),
        optional_number(why.case_no, "办件编号"),
        optional_number(why.intake_no, "预受理号"),
        optional_number(why.service_item, "事项编码"),
    )


def _missing(what: str, allowed: str, code: str) -> InputError:
    return InputError(f"没有写明{what}", allowed, "请补充后重试", code=code)


def _words(text: str, what: str) -> str:
    text = text.strip()
    if text and (not _WORDS.fullmatch(text) or _LONG_NUMBER.search(text)):
        raise InputError(f"{what}的写法不对", "不超过60个字，不含证件号码", "请改正后重试", code="WHY_FORM")
    return text


def optional_number(text: str, what: str) -> str | None:
    """Checks a case, consent or item number; None where there is none. Raises InputError."""
    text = text.strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or citizen_id(text).ok:
        allowed = "4至60位字母、数字和连接符，不能是公民身份号码"
        raise InputError(f"{what}的写法不对", allowed, "请改正后重试", code="WHY_FORM")
    return text


def _principal(hub: Hub, text: str) -> str | None:
    """Keeps who is acted for as a keyed hash: he can be recognised by who knows him, and is not named in the log."""
    text = text.strip()
    if not text:
        return None
    known = citizen_id(text)
    said = known.normalised if known.ok and known.normalised else "".join(text.split())
    return (hub.crypto.keys().lookup_hashes([f"principal:{said}".encode()])[0] or b"").hex()


def settle(connection: Connection, hub: Hub, actor: Actor, ground: Ground) -> tuple[str | None, HubError | None]:
    """Counts the use of an intake number; returns the case that it is bound to, or the refusal when it has expired."""
    if ground.intake_no is None:
        return ground.case_no, None
    now = hub.clock.now()
    fresh = Intake(
        actor.department or "", ground.intake_no, ground.service_item, ground.handler, now,
        now + timedelta(days=book().number("INTAKE_BIND")), 1, None, None, None,
    )  # fmt: skip
    held = intake_numbers.use(connection, fresh)
    if held.case_no is None and held.expires_at <= now:
        return None, Denied(
            "预受理号已过期，没有绑定办件",
            f"预受理号须在{int(book().number('INTAKE_BIND'))}天内绑定办件编号",
            "请绑定办件编号，或改用办件编号",
            code="INTAKE_EXPIRED",
        )
    return held.case_no, None


def number_of(text: str, what: str) -> str:
    """Checks a number that has to be there; raises InputError."""
    found = optional_number(text, what)
    if found is None:
        raise _missing(what, "4至60位字母、数字和连接符", "WHY_FORM")
    return found
