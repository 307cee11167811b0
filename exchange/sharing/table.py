"""The life of a request for sharing as data: which command, from which stage, by which role, to which stage.

Where a command has several targets, `docs/sharing.md` says by which rule one is taken; exchange/sharing/grounds.py
takes it. A decision is made in a department's name, so the machine's own administrator gives no command.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from exchange.access import ACTIONS, Role

#: Whose command it is: the department that asks, the one that provides, the authority, or the hub's own rule.
Side = Literal["consumer", "provider", "authority", "hub"]


class Stage(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    OWN_REVIEW = "own_review"
    NECESSITY = "necessity"
    COMPLIANCE = "compliance"
    PROVIDER_FIRST = "provider_first"
    PROVIDER_FINAL = "provider_final"
    RETURNED = "returned"
    SUPPLY = "supply"
    ACTIVE = "active"
    REFUSED = "refused"
    NEGOTIATION = "negotiation"
    COORDINATION = "coordination"
    DECISION = "decision"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


STAGE_NAMES: dict[Stage, str] = {
    Stage.DRAFT: "草稿",
    Stage.OWN_REVIEW: "本部门审核",
    Stage.NECESSITY: "主管部门必要性审核",
    Stage.COMPLIANCE: "主管部门合规审核",
    Stage.PROVIDER_FIRST: "提供部门初审",
    Stage.PROVIDER_FINAL: "提供部门审核",
    Stage.RETURNED: "退回补正（停止计时）",
    Stage.SUPPLY: "已同意，待提供",
    Stage.ACTIVE: "使用中",
    Stage.REFUSED: "不同意",
    Stage.NEGOTIATION: "争议：协商",
    Stage.COORDINATION: "争议：协调",
    Stage.DECISION: "争议：决定",
    Stage.EXPIRED: "已到期",
    Stage.REVOKED: "已收回",
    Stage.WITHDRAWN: "已撤回",
    Stage.CLOSED: "争议终结",
}

#: The rule whose working days are a stage's clock; the other stages have none.
CLOCKS: dict[Stage, str] = {
    Stage.OWN_REVIEW: "REVIEW_OWN",
    Stage.NECESSITY: "REPLY_UNCONDITIONAL",
    Stage.COMPLIANCE: "AUTHORITY_CHECK",
    Stage.PROVIDER_FIRST: "REPLY_CONDITIONAL",
    Stage.PROVIDER_FINAL: "REPLY_CONDITIONAL",
    Stage.SUPPLY: "SUPPLY_AFTER_APPROVAL",
}

CHECKS = frozenset({Stage.NECESSITY, Stage.COMPLIANCE})
PROVIDER_REVIEWS = frozenset({Stage.PROVIDER_FIRST, Stage.PROVIDER_FINAL})
REVIEWS = CHECKS | PROVIDER_REVIEWS
DISPUTES = frozenset({Stage.NEGOTIATION, Stage.COORDINATION, Stage.DECISION})
IN_USE = frozenset({Stage.SUPPLY, Stage.ACTIVE})


@dataclass(frozen=True, slots=True)
class Command:
    """One row. `grants` makes the grant; `narrows` may bring narrower terms."""

    name: str
    title: str
    side: Side
    sources: frozenset[Stage]
    targets: tuple[Stage, ...]
    reason: bool = False
    narrows: bool = False
    grants: bool = False
    danger: bool = False

    @property
    def action(self) -> str:
        """Returns the action that the command is."""
        return f"share.{self.name}"

    @property
    def roles(self) -> frozenset[Role]:
        """Returns the roles that may give the command; nobody gives the hub's own."""
        return ACTIONS[self.action].roles if self.side != "hub" else frozenset()


def _of(*stages: Stage) -> frozenset[Stage]:
    return frozenset(stages)


_SENT = (Stage.SUPPLY, Stage.NECESSITY, Stage.COMPLIANCE, Stage.REFUSED)
_BACK = (Stage.NECESSITY, Stage.COMPLIANCE, Stage.PROVIDER_FIRST, Stage.PROVIDER_FINAL)
_PROVIDER = (Stage.PROVIDER_FIRST, Stage.PROVIDER_FINAL)

#: In the order of a request's life. `edit` and the extension's commands leave the stage as it is: no target.
COMMANDS: dict[str, Command] = {
    row.name: row
    for row in (
        Command("edit", "修改", "consumer", _of(Stage.DRAFT, Stage.RETURNED), ()),
        Command("submit", "提交本部门审核", "consumer", _of(Stage.DRAFT), (Stage.OWN_REVIEW,)),
        Command("take_back", "撤回修改", "consumer", _of(Stage.OWN_REVIEW), (Stage.DRAFT,)),
        Command("hand_back", "退回修改", "consumer", _of(Stage.OWN_REVIEW), (Stage.DRAFT,), reason=True),
        Command("send", "审核通过并发送", "consumer", _of(Stage.OWN_REVIEW), _SENT, grants=True),
        Command("withdraw", "撤回申请", "consumer", REVIEWS | _of(Stage.DRAFT, Stage.RETURNED), (Stage.WITHDRAWN,),
                danger=True),
        Command("resubmit", "补正后重新发送", "consumer", _of(Stage.RETURNED), _BACK),
        Command("confirm", "必要性审核通过", "authority", _of(Stage.NECESSITY), (Stage.SUPPLY,), narrows=True,
                grants=True),
        Command("pass_on", "合规审核通过", "authority", _of(Stage.COMPLIANCE), _PROVIDER, narrows=True),
        Command("return_by_authority", "退回补正", "authority", CHECKS, (Stage.RETURNED,), reason=True),
        Command("refuse_by_authority", "不同意", "authority", CHECKS, (Stage.REFUSED,), reason=True, danger=True),
        Command("recommend", "初审通过", "provider", _of(Stage.PROVIDER_FIRST), (Stage.PROVIDER_FINAL,), narrows=True),
        Command("approve", "同意共享", "provider", _of(Stage.PROVIDER_FINAL), (Stage.SUPPLY,), narrows=True,
                grants=True),
        Command("return_by_provider", "退回补正", "provider", PROVIDER_REVIEWS, (Stage.RETURNED,), reason=True),
        Command("refuse", "不同意", "provider", _of(Stage.PROVIDER_FINAL), (Stage.REFUSED,), reason=True, danger=True),
        Command("ask_extension", "申请延期", "provider", PROVIDER_REVIEWS, (), reason=True),
        Command("allow_extension", "同意延期", "authority", PROVIDER_REVIEWS, ()),
        Command("deny_extension", "不同意延期", "authority", PROVIDER_REVIEWS, (), reason=True),
        Command("supply", "确认已提供", "provider", _of(Stage.SUPPLY), (Stage.ACTIVE,)),
        Command("dispute", "提出争议", "consumer", _of(Stage.REFUSED), (Stage.NEGOTIATION,), reason=True),
        Command("agree", "协商一致，同意共享", "provider", _of(Stage.NEGOTIATION), (Stage.SUPPLY,), narrows=True,
                grants=True),
        Command("ask_coordination", "提请协调", "consumer", _of(Stage.NEGOTIATION), (Stage.COORDINATION,), reason=True),
        Command("coordinate", "协调一致，同意共享", "authority", _of(Stage.COORDINATION), (Stage.SUPPLY,), reason=True,
                narrows=True, grants=True),
        Command("ask_decision", "提请决定", "consumer", _of(Stage.COORDINATION), (Stage.DECISION,), reason=True),
        Command("decide_share", "登记决定：共享", "authority", _of(Stage.DECISION), (Stage.SUPPLY,), reason=True,
                narrows=True, grants=True),
        Command("decide_refuse", "登记决定：不共享", "authority", _of(Stage.DECISION), (Stage.CLOSED,), reason=True,
                danger=True),
        Command("drop_dispute", "撤回争议", "consumer", DISPUTES, (Stage.CLOSED,), danger=True),
        Command("give_back", "交回授权", "consumer", IN_USE, (Stage.REVOKED,), danger=True),
        Command("revoke", "收回授权", "provider", IN_USE, (Stage.REVOKED,), reason=True, danger=True),
        Command("revoke_by_authority", "收回授权", "authority", IN_USE, (Stage.REVOKED,), reason=True,
                danger=True),
        Command("served", "已开始提供", "hub", _of(Stage.SUPPLY), (Stage.ACTIVE,)),
        Command("expire", "到期", "hub", IN_USE, (Stage.EXPIRED,)),
        Command("end_with_entry", "目录条目撤销，授权终止", "hub", IN_USE, (Stage.REVOKED,)),
    )
}  # fmt: skip


def permitted(command: Command, stage: Stage, roles: frozenset[Role]) -> bool:
    """Says what the table says: may someone of these roles give the command in this stage."""
    return stage in command.sources and bool(roles & command.roles)
