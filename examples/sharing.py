"""Sharing in the example city: an application granted by rule, one approved by two sides, one that still waits.

    python -m examples.sharing     # once, in the hub of this environment; again, it changes nothing

Asks only for datasets whose entries are there. At the end the audit log is sealed and verified, with the record of the
first application in it.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from examples.accounts import register_places
from examples.days import person
from exchange.access import local_administrator
from exchange.auditing import events, sealing, verification
from exchange.auditing.events import Search
from exchange.auditing.verification import Verified
from exchange.entries import list_entries
from exchange.hub import Hub, open_hub
from exchange.settings import read_settings
from exchange.sharing import decisions, requests, views
from exchange.sharing.steps import MovedRequest
from exchange.tasks import today
from schemas.grants import GrantedItem, Quota, RowFilter, Way
from schemas.sharing import Content, Terms

_DAYS = 180


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
        rows=RowFilter(wish.region_item, ("6204",)),
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


def proof(hub: Hub, found: Verified) -> Iterator[str]:
    """Yields the applications, the record of the first in the audit log, and what verifying the log found."""
    shown = [each for each in views.list_requests(hub, person("data.admin")) if each.stage != "draft"]
    for each in sorted(shown, key=lambda each: each.number):
        yield f"● 申请 {each.number} {each.entry_title}（{each.consumer_name}）：{each.stage_name}"
    sent = events.list_events(hub, person("audit.admin"), Search(actor="civil.reviewer"))
    for event in reversed(sent.events):
        if event.detail.get("use_case") == "share.send" and event.object_id:
            place = events.show_event(hub, person("audit.admin"), event.seq)
            what = f"{event.actor_name} {event.title} {event.object_id}"
            yield f"  操作日志第 {event.seq} 条：{what}，链上第 {place.link} 环"
            break
    yield f"  操作日志核验{'通过' if found.holds else '不通过'}：{found.events} 条记录，{found.batches} 个封存批次"


def sealed_and_verified(hub: Hub) -> Verified:
    """Seals what is not sealed yet and verifies the whole audit log."""
    sealing.seal(hub, local_administrator())
    return verification.verify(hub, local_administrator())


def main() -> int:
    """Makes the applications once and shows the proof; 1 when the log does not verify."""
    with open_hub(read_settings()) as hub:
        tell(hub)
        found = sealed_and_verified(hub)
        lines = list(proof(hub, found))
    sys.stdout.write("".join(f"{line}\n" for line in ["共享申请与操作日志（applications and the audit log）", *lines]))
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
