"""The people of the fictional city: regions of four levels, departments, accounts of each role with known passwords.

    python -m examples.accounts          # registers them in the hub of this environment and prints them
    python -m examples.accounts --codes  # prints them with the present one-time codes

Known passwords belong to an example and to nothing else: nobody registers these people in a hub with real data.
"""

import base64
import hashlib
import sys
from dataclasses import dataclass
from datetime import datetime

import pyotp
import yaml

from catalog.stores import accounts, departments
from examples.city import DEPARTMENTS
from examples.places import CITY, CITY_CODE, DISTRICTS
from exchange import offices, people
from exchange.access import ROLE_NAMES, Actor, local_administrator
from exchange.hub import Hub, open_hub
from exchange.offices import NewDepartment
from exchange.people import NewPerson
from exchange.sessions import SECOND_FACTOR, hash_password, seal_totp

PASSWORD = "Yinqiao-2026"  # noqa: S105 - of a fictional city
#: Township (9 digits) and village (12 digits) → name.
BELOW = {
    "620402001": "桥西街道",
    "620402001001": "和平社区",
    "620402101": "上湾镇",
    "620402101201": "石门村",
    "620421101": "靖安镇",
    "620421101202": "李家塬村",
    "620422201": "会川乡",
    "620422201203": "水泉村",
}
_DATA_BUREAU, _CIVIL = "11620400XX00C0065Q", "11620400XX00C00493"
#: Organs without a system of their own, then those of districts and townships: code, name, region, the one above.
_ORGANS = (
    ("11620400XX00C0081E", "银桥市自然资源局", "620400", ""),
    ("11620400XX00C009X6", "银桥市发展和改革委员会", "620400", ""),
    ("11620400XX00C0102Y", "银桥市统计局", "620400", ""),
    ("11620402XX00C1017X", "银东区民政局", "620402", _CIVIL),
    ("11620402XX00C1025Q", "银东区桥西街道办事处", "620402001", _CIVIL),
    ("11620421XX00C10334", "靖河县靖安镇人民政府", "620421101", _CIVIL),
    ("11620422XX00C1041D", "会宁塬县会川乡水泉村村民委员会", "620422201203", _CIVIL),
)
_SHORT = {"police": "公安局", "market_regulation": "市场监管局", "approval": "审批局", "civil_affairs": "民政局",
          "health": "卫健委", "data_bureau": "数据局"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExamplePerson:
    """A person of the example: login name, name, department's code, roles."""

    login: str
    name: str
    department: str
    roles: tuple[str, ...]

    @property
    def secret(self) -> str | None:
        """The secret of the one-time codes, for roles that need them."""
        if not SECOND_FACTOR & set(self.roles):
            return None
        return base64.b32encode(hashlib.sha256(f"yinqiao:{self.login}".encode()).digest()[:20]).decode()

    def code(self, moment: datetime) -> str:
        """The one-time code at a moment; empty for roles that need none."""
        return pyotp.TOTP(self.secret).at(moment) if self.secret else ""


PEOPLE = (
    ExamplePerson("data.admin", "何数安", _DATA_BUREAU, ("data_admin",)),
    ExamplePerson("analyst", "沈析", _DATA_BUREAU, ("analyst",)),
    ExamplePerson("inspector", "严督", _DATA_BUREAU, ("inspector",)),
    ExamplePerson("system.admin", "石建业", _DATA_BUREAU, ("system_admin",)),
    ExamplePerson("security.admin", "安守正", _DATA_BUREAU, ("security_admin",)),
    ExamplePerson("audit.admin", "计明", _DATA_BUREAU, ("audit_admin",)),
    ExamplePerson("police.admin", "高警长", "11620400XX00C0014G", ("dept_admin",)),
    ExamplePerson("police.editor", "陈编", "11620400XX00C0014G", ("editor",)),
    ExamplePerson("police.reviewer", "周审", "11620400XX00C0014G", ("dept_reviewer",)),
    ExamplePerson("market.editor", "林商", "11620400XX00C0022B", ("editor",)),
    ExamplePerson("market.reviewer", "郑监", "11620400XX00C0022B", ("dept_reviewer",)),
    ExamplePerson("approval.editor", "许照", "11620400XX00C00306", ("editor",)),
    ExamplePerson("approval.reviewer", "吕批", "11620400XX00C00306", ("dept_reviewer",)),
    ExamplePerson("approval.window", "温窗", "11620400XX00C00306", ("window",)),
    ExamplePerson("civil.admin", "民安", _CIVIL, ("dept_admin",)),
    ExamplePerson("civil.editor", "苏助", _CIVIL, ("editor",)),
    ExamplePerson("civil.reviewer", "曹核", _CIVIL, ("dept_reviewer",)),
    ExamplePerson("civil.window", "柳窗", _CIVIL, ("window",)),
    ExamplePerson("health.editor", "卫宁", "11620400XX00C0057X", ("editor",)),
    ExamplePerson("health.reviewer", "健审", "11620400XX00C0057X", ("dept_reviewer",)),
    ExamplePerson("nature.editor", "山图", "11620400XX00C0081E", ("editor",)),
    ExamplePerson("reform.editor", "信衡", "11620400XX00C009X6", ("editor",)),
    ExamplePerson("statistics.editor", "算清", "11620400XX00C0102Y", ("editor",)),
    ExamplePerson("yindong.editor", "东区编", "11620402XX00C1017X", ("editor",)),
    ExamplePerson("qiaoxi.window", "桥西窗", "11620402XX00C1025Q", ("window",)),
    ExamplePerson("jingan.editor", "靖安编", "11620421XX00C10334", ("editor",)),
    ExamplePerson("shuiquan.window", "水泉窗", "11620422XX00C1041D", ("window",)),
)


def register_example_people(hub: Hub) -> tuple[ExamplePerson, ...]:
    """Registers regions, departments and people that are not there yet; returns all people."""
    actor = local_administrator()
    register_places(hub)
    with hub.transaction() as connection:
        known = {each.login for each in accounts.list_all(connection)}
    for person in PEOPLE:
        if person.login not in known:
            people.open_account(hub, actor, NewPerson(person.login, person.name, person.department, person.roles))
            _known_password(hub, person)
    return PEOPLE


def register_places(hub: Hub) -> None:
    """Registers the regions and departments that are not there yet."""
    actor = local_administrator()
    _regions(hub, actor)
    _departments(hub, actor)


def _regions(hub: Hub, actor: Actor) -> None:
    known = {each.code for each in offices.list_regions(hub, actor)}
    wanted = {str(CITY_CODE): CITY} | {str(code): name for code, name in DISTRICTS.items()} | BELOW
    for code, name in wanted.items():
        if code not in known:
            offices.set_region(hub, actor, code, name)


def _departments(hub: Hub, actor: Actor) -> None:
    with hub.transaction() as connection:
        known = {each.code: each for each in departments.list_all(connection)}
    for new in _new_departments():
        if new.code not in known:
            offices.open_department(hub, actor, new)
        elif known[new.code].region_code is None:  # an entry came first and knew only its name
            offices.change_department(hub, actor, new.code, new)


def _new_departments() -> list[NewDepartment]:
    listed = yaml.safe_load(DEPARTMENTS.read_text(encoding="utf-8"))
    city = [
        NewDepartment(
            each["code"], each["name"], each["region_code"], _SHORT[each["id"]],
            is_authority=each["code"] == _DATA_BUREAU,
        )
        for each in listed
    ]  # fmt: skip
    return city + [NewDepartment(code, name, region, "", above) for code, name, region, above in _ORGANS]


def _known_password(hub: Hub, person: ExamplePerson) -> None:
    with hub.transaction() as connection:
        account = accounts.find_by_login(connection, person.login)
        assert account is not None  # noqa: S101 - opened just before
        sealed = seal_totp(hub, account.id, person.secret) if person.secret else None
        facts = {"password_hash": hash_password(PASSWORD), "must_change": False, "totp_sealed": sealed}
        accounts.change(connection, account.id, password_changed_at=hub.clock.now(), **facts)


def lines(moment: datetime) -> list[str]:
    """Writes the accounts for a terminal, with the one-time codes of a moment."""
    found = [f"口令都是 {PASSWORD}；动态码每30秒变化，运行 python -m examples.accounts --codes 查看"]
    for person in PEOPLE:
        roles = "、".join(name for role, name in ROLE_NAMES.items() if role in person.roles)
        code = f"  动态码 {person.code(moment)}" if person.secret else ""
        found.append(f"  {person.login:<18} {roles}{code}")
    return found


def main(arguments: list[str]) -> int:
    """Registers the people unless only codes are asked for, and prints them."""
    with open_hub() as hub:
        if "--codes" not in arguments:
            register_example_people(hub)
        print("\n".join(lines(hub.clock.now())))  # noqa: T201 - a command's output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
