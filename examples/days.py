"""The week before today in the example city: files handed in, problem rows, an order, entries in each state.

    python -m examples.days     # once, in the hub of this environment; again, it changes nothing

The hub's clock is set back for each day, so that history, trends and deadlines look as after a week of work.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from catalog.stores import entries as entry_store
from examples.accounts import PEOPLE, register_example_people
from examples.uploads import samples, workbook
from exchange import entries, lifecycle, orders, problems, reviews, revocation, uploads, waivers
from exchange.access import Actor, local_administrator
from exchange.hub import Hub, open_hub
from exchange.sessions import region_prefix
from exchange.settings import read_settings

_CONTRACTS = Path(__file__).parent / "contracts" / "uploads"
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_BEGAN_DAYS_AGO = 6
#: Who hands in which data.
_HANDS = {"place_name": "nature.editor", "penalty": "reform.editor", "survey_indicator": "statistics.editor"}
_SHEET = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
_SIGNED = {"secrecy": "保密办 陶谨", "personal_information": "数据科 白慎", "leader": "局长 方正"}
#: Who drafts what; and the steps that the entry has taken by today.
_DRAFTS = (
    ("residence_permit", "居住证信息", "police", ()),
    ("shop_sign", "户外招牌设置信息", "market", ("submit",)),
    ("construction_permit", "施工许可信息", "approval", ("submit", "endorse")),
    ("charity_organisation", "慈善组织信息", "civil", ("submit", "endorse", "reject")),
    ("clinic", "医疗机构信息", "health", ("submit", "endorse", "approve")),
    ("disabled_subsidy", "残疾人补贴旧册", "civil", ("submit", "endorse", "approve", "request_revoke")),
)


@dataclass(slots=True)
class Past:
    """A clock that stands where the story is."""

    moment: datetime

    def now(self) -> datetime:
        """Returns the moment of the story."""
        return self.moment


def tell(hub: Hub, clock: Past) -> bool:
    """Tells the week up to the clock's moment; returns whether it was told now."""
    today = clock.moment
    register_example_people(hub)
    with hub.transaction() as connection:
        if entry_store.find(connection, "place_name") is not None:
            return False
    for ago in range(_BEGAN_DAYS_AGO, 0, -1):
        day = (today - timedelta(days=ago)).astimezone(_SHANGHAI).date()
        clock.moment = datetime.combine(day, time(9, 30), _SHANGHAI).astimezone(UTC)
        _DAYS.get(ago, _quiet_day)(hub)
        _penalties(hub, ago)
    clock.moment = today
    return True


def person(login: str) -> Actor:
    """Returns one of the city's people as actor."""
    found = next(each for each in PEOPLE if each.login == login)
    region = region_prefix("620400")
    return Actor(login, frozenset(found.roles), found.department, "portal", found.name, region)  # type: ignore[arg-type]


def _first_day(hub: Hub) -> None:
    for dataset, rows in samples().items():
        path = _CONTRACTS / f"{dataset}.yaml"
        entries.apply(hub, local_administrator(), path.read_text(encoding="utf-8"), path.name, publish=True)
        _hand_in(hub, dataset, rows)
    for dataset, title, organ, _ in _DRAFTS:
        entries.apply(hub, person(f"{organ}.editor"), _draft(dataset, title, f"{organ}.editor"), f"{dataset}.yaml")


def _reviews_and_steps(hub: Hub) -> None:
    for dataset, _, organ, steps in _DRAFTS:
        for step in steps:
            if step == "submit":
                _sign(hub, dataset, person(f"{organ}.editor"))
            _step(hub, dataset, organ, step)


def _sign(hub: Hub, dataset: str, editor: Actor) -> None:
    day = hub.clock.now().astimezone(_SHANGHAI).date()
    for kind, name in _SIGNED.items():
        sheet = reviews.NewReview(kind, name, day, True, "同意报送", "审批表.pdf", _SHEET)  # type: ignore[arg-type]
        reviews.record_review(hub, editor, dataset, sheet)


def _step(hub: Hub, dataset: str, organ: str, step: str) -> None:
    editor, reviewer, authority = person(f"{organ}.editor"), person(f"{organ}.reviewer"), person("data.admin")
    steps: dict[str, Any] = {
        "submit": lambda: lifecycle.submit(hub, editor, dataset),
        "endorse": lambda: lifecycle.endorse(hub, reviewer, dataset, "内容属实"),
        "approve": lambda: lifecycle.approve(hub, authority, dataset, "同意发布"),
        "reject": lambda: lifecycle.reject(hub, authority, dataset, "摘要未写明数据范围，请补充后重新报送"),
        "request_revoke": lambda: revocation.request_revoke(hub, editor, dataset, "补贴已并入新的发放系统"),
    }
    steps[step]()


def _places_are_the_same(hub: Hub) -> None:
    uploads.declare(hub, person("nature.editor"), "place_name", "本周")


def _indicators_with_faults(hub: Hub) -> None:
    rows = samples()["survey_indicator"]
    faulty = [row | {"行政区划代码": "620499"} if number % 30 == 0 else row for number, row in enumerate(rows)]
    _hand_in(hub, "survey_indicator", faulty)


def _order_and_waiver(hub: Hub) -> None:
    orders.send(hub, person("data.admin"), "survey_indicator", "统计调查指标区划代码整改")
    rows = problems.show_rows(hub, person("statistics.editor"), "survey_indicator").rows
    found = next(each.problem for row in rows for each in row.findings if each.problem)
    until = hub.clock.now().astimezone(_SHANGHAI).date() + timedelta(days=60)
    waivers.propose(hub, person("statistics.editor"), found, "开发区代码待民政部门批复", until)


def _half_of_the_places(hub: Hub) -> None:
    _hand_in(hub, "place_name", samples()["place_name"][:15])


def _quiet_day(_hub: Hub) -> None:
    """Nothing but the day's penalties."""


#: What happened how many days ago.
_DAYS = {
    6: _first_day,
    5: _reviews_and_steps,
    4: _places_are_the_same,
    3: _indicators_with_faults,
    2: _order_and_waiver,
    1: _half_of_the_places,
}


def _penalties(hub: Hub, ago: int) -> None:
    """Hands in the day's decisions as an increment; two of the week's have a wrong credit code."""
    if ago == _BEGAN_DAYS_AGO:
        return
    first = samples()["penalty"][0]
    day = hub.clock.now().astimezone(_SHANGHAI).strftime("%m%d")
    rows = [first | {"行政处罚决定书文号": f"银市监罚〔2026〕{day}-{number}号"} for number in range(1, 4 + ago % 3)]
    if ago in {3, 5}:
        rows[0] = rows[0] | {"统一社会信用代码": "11620400XX00C00227"}
    _hand_in(hub, "penalty", rows, "increment")


def _hand_in(hub: Hub, dataset: str, rows: list[dict[str, str]], kind: str = "full") -> None:
    actor = person(_HANDS[dataset])
    checked = uploads.check(hub, actor, dataset, f"{dataset}.xlsx", workbook(rows), kind)
    uploads.submit(hub, actor, checked.id)


def _draft(dataset: str, title: str, login: str) -> str:
    """Writes an entry of a department: the items of a simple register, nothing attached."""
    provider = next(each for each in PEOPLE if each.login == login).department
    document = yaml.safe_load((_CONTRACTS / "place_name.yaml").read_text(encoding="utf-8"))
    del document["servers"], document["tags"]
    document |= {"id": dataset, "name": title, "description": {"purpose": f"本市{title}，供各部门办理业务时核对"}}
    document["schema"][0] |= {"name": dataset, "businessName": title}
    changes: dict[str, Any] = {
        "provider_code": provider,
        "provider_name": _name_of(provider),
        "source_dept": _name_of(provider),
    }
    changes |= {"classification": ["307"], "source_system": f"{title}台账"}
    document["customProperties"] = list(_changed(document["customProperties"], changes))
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def _changed(properties: list[dict[str, Any]], changes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in properties:
        if each["property"] != "baseLibrary":
            yield each | {"value": changes.get(each["property"], each["value"])}


def _name_of(code: str) -> str:
    listed = yaml.safe_load((Path(__file__).parent / "departments.yaml").read_text(encoding="utf-8"))
    return str(next(each["name"] for each in listed if each["code"] == code))


def main() -> int:
    """Tells the week once."""
    clock = Past(datetime.now(UTC))
    with open_hub(read_settings(), clock) as hub:
        tell(hub, clock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
