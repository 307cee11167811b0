"""Sharing in the example city: an application granted by rule, one approved by two sides, one that waits; a look-up.

    python -m examples.sharing     # once, in the hub of this environment; again, it changes nothing

Asks only for datasets whose entries are there. Under the first grant the civil affairs window looks up somebody who
has come to it. At the end the audit log is sealed and verified, with the records of both in it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from examples import city
from examples.accounts import register_places
from examples.days import person
from exchange.access import local_administrator
from exchange.auditing import events, sealing, verification
from exchange.auditing.events import Search
from exchange.auditing.verification import Verified
from exchange.entries import list_entries, show_entry
from exchange.hub import Hub, open_hub
from exchange.keyed import operations
from exchange.keyed.why import Why
from exchange.settings import read_settings
from exchange.sharing import decisions, requests, views
from exchange.sharing.steps import MovedRequest
from exchange.tasks import today
from schemas.errors import Denied, IdentifierError, NotFound
from schemas.grants import GrantedItem, Quota, RowFilter, Way
from schemas.sharing import Content, Terms

_DAYS = 180
_REGION = "6204"
_WINDOW, _CASE = "civil.window", "MZ-2026-000123"
#: How many people are tried: what a department holds of some is wrong, and those wait for correction.
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What an organ of the city asks for: the entry, why, how, which items, and who decides on it today."""

    dataset: str
    organ: str
    legal_basis: str
    scenario: str
    ways: tuple[Way, ...]
    items: tuple[GrantedItem, ...]
    region_item: str
    decide: Callable[[Hub, str], MovedRequest] | None = None


def _approved(hub: Hub, number: str) -> MovedRequest:
    decisions.pass_on(hub, person("data.admin"), number, "符合职责，同意转提供部门")
    return decisions.approve(hub, person("health.reviewer"), number, "同意提供")


WISHES = (
    Wish(
        "population", "civil", "《社会救助暂行办法》第五十八条", "办理困难群众补贴时核验申请人的身份和状态",
        ("lookup", "verify"),
        (GrantedItem("citizen_id", "condition"), GrantedItem("name", "masked"), GrantedItem("sex_code", "plain"),
         GrantedItem("person_status", "plain")),
        "hukou_region_code",
    ),
    Wish(
        "death", "civil", "《社会救助暂行办法》第五十八条", "按月比对死亡登记，停发已去世人员的补贴",
        ("compare", "subscription", "query"),
        (GrantedItem("citizen_id", "condition"), GrantedItem("doc_type", "plain"),
         GrantedItem("death_region_code", "plain")),
        "death_region_code",
        _approved,
    ),
    Wish(
        "marriage", "police", "《中华人民共和国户口登记条例》", "办理户口登记时核对婚姻状况，免交纸质证明",
        ("lookup",),
        (GrantedItem("person_id", "condition"), GrantedItem("marital_code", "masked"),
         GrantedItem("region_code", "plain")),
        "region_code",
    ),
)  # fmt: skip


def tell(hub: Hub) -> list[MovedRequest]:
    """Makes the applications that are not there yet; returns where these stand now."""
    register_places(hub)
    known = {each.dataset for each in list_entries(hub, local_administrator())}
    made = []
    for wish in WISHES:
        asked = views.list_requests(hub, person(f"{wish.organ}.editor"))
        if wish.dataset in known and wish.dataset not in {each.dataset for each in asked}:
            made.append(_applied(hub, wish))
    return made


def _applied(hub: Hub, wish: Wish) -> MovedRequest:
    terms = Terms(
        items=wish.items,
        rows=RowFilter(wish.region_item, (_REGION,)),
        purposes=("basis", "checking"),
        ways=wish.ways,
        ends=today(hub) + timedelta(days=_DAYS),
        quota=Quota(keys_a_day=2000, rows_an_export=50_000),
    )
    content = Content(
        wish.dataset,
        terms,
        legal_basis=wish.legal_basis,
        scenario=wish.scenario,
        security="专人专机使用，只在政务外网内，不留存明文，用后即删",
        responsible="苏助",
        phone="0943-8220000",
    )
    number = requests.draft(hub, person(f"{wish.organ}.editor"), content).number
    requests.submit(hub, person(f"{wish.organ}.editor"), number)
    moved = requests.send(hub, person(f"{wish.organ}.reviewer"), number, "确为履行职责所需")
    return wish.decide(hub, number) if wish.decide else moved


def applicants(folder: Path) -> list[str]:
    """Lists the numbers of some people of the generated city, as they stand on their cards; none without a city."""
    try:
        made = city.load(folder)
    except ValueError:
        return []
    batch, _ = next(iter(made.planter("population").stretches()))
    rows = zip(batch["gmsfhm"].to_pylist(), batch["hjdxzqh"].to_pylist(), strict=True)
    return list(islice((number for number, region in rows if number and (region or "").startswith(_REGION)), _TRIES))


def looked_up(hub: Hub, numbers: list[str]) -> Mapping[str, Any] | None:
    """Looks the first of these people up who is found, as the window does: for a purpose, in a case, under a grant."""
    why = Why(purpose="basis", window="救助窗口", case_no=_CASE)
    for number in numbers:
        try:
            answer = operations.fetch(hub, person(_WINDOW), "population", number, why)
        except (Denied, IdentifierError, NotFound):
            continue
        if answer["rows"]:
            return answer
    return None


def found_lines(hub: Hub, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yields a look-up as a newcomer reads it: who, why, under which grant, and what the grant gives."""
    who = person(_WINDOW)
    yield f"● 按授权查一个人：民政局窗口 {who.title}，办件 {_CASE}，授权 {answer['grant']}"
    items = show_entry(hub, local_administrator(), "population").items
    titles = {str(each.get("name")): str(each.get("title")) for each in items}
    for row in answer["rows"]:
        shown = [f"{titles.get(name, name)} {value}" for name, value in row["values"].items() if value is not None]
        yield f"    {'，'.join(shown)}（版本 {answer['version']}，数据截至 {answer['data_time'] or '未知'}）"
    command = f"shuqiao dataset lookup population 号码 --login {who.name} --purpose basis --case {_CASE}"
    yield f"  make up 之后，他在门户“按号码查询与核对”页同样可查，也可用命令 {command}"


def proof(hub: Hub, found: Verified) -> Iterator[str]:
    """Yields the applications, the records of the first and of the look-up, and what verifying the log found."""
    shown = [each for each in views.list_requests(hub, person("data.admin")) if each.stage != "draft"]
    for each in sorted(shown, key=lambda each: each.number):
        yield f"● 申请 {each.number} {each.entry_title}（{each.consumer_name}）：{each.stage_name}"
    for login, use_case in (("civil.reviewer", "share.send"), (_WINDOW, "keyed.fetch")):
        yield from _recorded(hub, login, use_case)
    yield f"  操作日志核验{'通过' if found.holds else '不通过'}：{found.events} 条记录，{found.batches} 个封存批次"


def _recorded(hub: Hub, login: str, use_case: str) -> Iterator[str]:
    """Yields the place in the log of what somebody did first."""
    auditor = person("audit.admin")
    listed = events.list_events(hub, auditor, Search(actor=login, result="success"))
    for event in reversed(listed.events):
        if event.detail.get("use_case") == use_case and event.object_id:
            place = events.show_event(hub, auditor, event.seq)
            what = f"{event.actor_name} {event.title} {event.object_id}"
            yield f"  操作日志第 {event.seq} 条：{what}，链上第 {place.link} 环"
            return


def sealed_and_verified(hub: Hub) -> Verified:
    """Seals what is not sealed yet and verifies the whole audit log."""
    sealing.seal(hub, local_administrator())
    return verification.verify(hub, local_administrator())


def main() -> int:
    """Makes the applications once, looks somebody up and shows the proof; 1 when the log does not verify."""
    settings = read_settings()
    with open_hub(settings) as hub:
        tell(hub)
        answer = looked_up(hub, applicants(settings.var / "city"))
        shown = list(found_lines(hub, answer)) if answer else []
        found = sealed_and_verified(hub)
        lines = [*shown, *proof(hub, found)]
    head = "按授权使用与操作日志（an application granted, a look-up under it, and their records in the verified log）"
    sys.stdout.write("".join(f"{line}\n" for line in [head, *lines]))
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
