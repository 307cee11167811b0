"""Use-cases of verification slips (核验凭证): make one of a verify or look-up, print it again, confirm one by its code.

Whoever holds a slip can have the hub confirm it: number, time, source and outcome come back, no value of a person.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from catalog.stores import departments, entries
from catalog.stores import verification_slips as store
from catalog.stores.verification_slips import StoredSlip
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.keyed.answers import moment
from exchange.keyed.calls import Answer
from exchange.keyed.operations import fetch, verify
from exchange.keyed.slip_pdf import draw
from exchange.keyed.why import Why, number_of
from exchange.sharing import clock
from schemas.errors import NotFound
from schemas.grants import PURPOSES
from schemas.rules.book import book

_CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH = 20
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip at the moment when it is made or printed again."""

    number: str
    code: str
    answer: Answer
    pdf: bytes


@dataclass(frozen=True, slots=True)
class SlipLine:
    """A slip in the department's list."""

    number: str
    dataset: str
    title: str
    made_by: str
    made_at: datetime
    kept_until: datetime
    prints: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the hub confirms of a slip to whoever holds it; no value of a person."""

    number: str
    made_at: str
    department: str
    source: str
    entry_title: str
    version: int
    data_time: str | None
    purpose: str
    operation: str
    says: str


@use_case("slip.make")
def make(
    hub: Hub, actor: Actor, dataset: str, key: str, why: Why, values: Mapping[str, str | None] | None = None
) -> Slip:
    """Verifies the values (or looks up, when there are none) and makes the slip of the answer for the case file."""
    number_of(why.service_item or why.case_no or why.intake_no, "办理事项")
    answer = verify(hub, actor, dataset, key, values, why) if values else fetch(hub, actor, dataset, key, why)
    now = hub.clock.now()
    code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    with hub.transaction() as connection:
        number = f"HY{clock.day_of(now):%Y%m%d}{entries.next_code_number(connection, 'slip'):06d}"
        names = {each.code: each.name for each in departments.list_all(connection)}
        stored = entries.find(connection, dataset)
        source = names.get(stored.provider_code, "") if stored else ""
        facts = {
            "answer": answer, "key": key.strip(), "values": dict(values or {}), "code": code, "source": source,
            "purpose": PURPOSES[why.purpose], "item": why.service_item or why.case_no or why.intake_no,  # type: ignore[index]
            "case": why.case_no or why.intake_no, "department": names.get(actor.department or "", ""),
            "handler": why.handler or actor.title or actor.name, "made_at": moment(now),
        }  # fmt: skip
        store.add(connection, {
            "number": number, "code_hash": _code_hash(hub, code), "department_code": actor.department,
            "dataset": dataset, "made_by": actor.name, "made_at": now, "sealed": _sealed(hub, number, facts),
            "kept_until": now + timedelta(days=book().number("SLIP_DAYS")),
        })  # fmt: skip
        facts_of = {"grant_id": answer["grant"], "case_no": why.case_no or None}
        detail = {"slip": number, "outcome": answer["outcome"]}
        record(connection, hub, actor, "slip.make", number, detail=detail, **facts_of)
    return Slip(number, code, answer, _pdf(number, facts, 1, _titles(hub, dataset)))


def _code_hash(hub: Hub, code: str) -> bytes:
    plain = "".join(letter for letter in code.upper() if letter in _CODE_LETTERS)
    return hub.crypto.keys().lookup_hashes([f"slip:{plain}".encode()])[0] or b""


def _sealed(hub: Hub, number: str, facts: Mapping[str, Any]) -> bytes:
    text = json.dumps(facts, ensure_ascii=False).encode()
    return hub.crypto.seal().seal([text], [f"slip:{number}".encode()])[0]


def _opened(hub: Hub, slip: StoredSlip) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hub.crypto.seal().open([slip.sealed], [f"slip:{slip.number}".encode()])[0])
    return found


def _titles(hub: Hub, dataset: str) -> dict[str, str]:
    from exchange.contracts import entry_from  # noqa: PLC0415

    with hub.transaction() as connection:
        stored = entries.find(connection, dataset)
        version = entries.find_version(connection, dataset, (stored.published_version or 0) if stored else 0)
    return {item.title: item.name for item in entry_from(version.contract, dataset).items} if version else {}


def _pdf(number: str, facts: Mapping[str, Any], prints: int, titles: Mapping[str, str]) -> bytes:
    answer = facts["answer"]
    names = {name: title for title, name in titles.items()}
    lines = [
        ("凭证编号", number), ("出具时间", facts["made_at"]), ("出具部门", facts["department"]),
        ("经办人", facts["handler"]),
        ("数据来源", f"{facts['source']}“{answer['title']}”"), ("目录代码", answer["entry_code"] or "—"),
        ("数据版本", str(answer["version"])), ("数据截至", answer["data_time"] or "尚未同步"),
        ("使用用途", facts["purpose"]), ("办件编号", facts["case"]), ("核验号码", facts["key"]),
    ]  # fmt: skip
    lines += [(f"送核 {names.get(name, name)}", str(value or "（空）")) for name, value in facts["values"].items()]
    lines += [("结果", _result(answer, names))]
    for row in answer.get("rows", ()):
        lines += [
            (names.get(name, name), "—" if value is None else str(value)) for name, value in row["values"].items()
        ]
    lines += [("说明", each) for each in answer["notices"]]
    foot = [f"仅供办理{facts['item']}使用，不得挪作他用", "凭验证码可在本平台“凭证验证”页核对真伪"]
    if prints > 1:
        foot.append(f"第{prints}次打印")
    return draw("数据核验凭证", lines, facts["code"], foot)


def _result(answer: Answer, names: Mapping[str, str]) -> str:
    differing: Sequence[str] = answer.get("differing") or ()
    return str(answer["says"]) + ("：" + "、".join(names.get(name, name) for name in differing) if differing else "")


@use_case("slip.reprint")
def reprint(hub: Hub, actor: Actor, number: str) -> Slip:
    """Prints a slip of one's department again; the print says that it is one, and the log too."""
    with hub.transaction() as connection:
        held = store.find(connection, number)
        if held is None or held.department_code != actor.department:
            raise NotFound("没有这份核验凭证", "本部门出具的凭证", "请核对凭证编号", code="SLIP_UNKNOWN")
        facts = _opened(hub, held)
        prints = store.printed(connection, number)
        record(
            connection, hub, actor, "slip.reprint", number, detail={"print": prints}, grant_id=facts["answer"]["grant"]
        )
    return Slip(number, facts["code"], facts["answer"], _pdf(number, facts, prints, _titles(hub, held.dataset)))


@use_case("slip.list")
def list_slips(hub: Hub, actor: Actor) -> list[SlipLine]:
    """Lists the slips of one's department; those kept long enough go first."""
    with hub.transaction() as connection:
        gone = store.drop_over(connection, hub.clock.now())
        found = store.list_of(connection, actor.department or "", _SHOWN)
        titles = {each.dataset: each.title for each in entries.list_all(connection)}
        record(connection, hub, actor, "slip.list", None, row_count=len(found), detail={"removed": gone})
    return [
        SlipLine(
            each.number,
            each.dataset,
            titles.get(each.dataset, each.dataset),
            each.made_by,
            each.made_at,
            each.kept_until,
            each.prints,
        )
        for each in found
    ]


def confirm(hub: Hub, number: str, code: str, address: str | None = None) -> Confirmed:
    """Confirms a slip to anybody who holds its number and code; raises NotFound with one answer for all else."""
    who = Actor("公众", frozenset(), None, "portal", address=address)
    if not hub.keyed.within_rate(f"confirm:{address}", _CONFIRMS_A_MINUTE):
        raise NotFound("查询过于频繁", f"每分钟{_CONFIRMS_A_MINUTE}次", "请稍后再试", code="RATE")
    with hub.transaction() as connection:
        held = store.by_code(connection, _code_hash(hub, code[:60]))
        good = held is not None and held.number == number.strip().upper()
        facts: dict[str, Any] = {} if good else {"result": "denied", "error_code": "SLIP_UNKNOWN"}
        record(connection, hub, who, "slip.confirm", held.number if held is not None and good else None, **facts)
    if held is None or not good:
        raise NotFound("没有与编号和验证码相符的凭证", "凭证上印的编号和验证码", "请核对后重试", code="SLIP_UNKNOWN")
    said = _opened(hub, held)
    answer = said["answer"]
    return Confirmed(
        held.number, said["made_at"], said["department"], said["source"], answer["title"], answer["version"],
        answer["data_time"], said["purpose"], "核对" if said["values"] else "调用", answer["says"],
    )  # fmt: skip


_CONFIRMS_A_MINUTE = 30
