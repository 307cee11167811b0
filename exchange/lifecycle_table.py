"""The life of a directory entry as data: which command, from which stage, by which role, to which stage.

Stages are the national states 0 to 7 (已创建 … 已删除); state 1 has the two steps of review, 注册审核 in the department
and 发布审核 by the authority. A change of a published entry goes the same way as a version of its own, and what is in
force stays so until then.
"""

from dataclasses import dataclass
from enum import StrEnum

from catalog.stores.entries import State
from exchange.access import ACTIONS, Role


class Stage(StrEnum):
    """A state, with the step of review."""

    DRAFT = "draft"
    REGISTRATION = "registration"
    PUBLICATION = "publication"
    REJECTED = "rejected"
    PUBLISHED = "published"
    REVOKE_PENDING = "revoke_pending"
    REVOKE_REJECTED = "revoke_rejected"
    REVOKED = "revoked"
    DELETED = "deleted"


STATES: dict[Stage, State] = {
    Stage.DRAFT: State.DRAFT,
    Stage.REGISTRATION: State.PENDING,
    Stage.PUBLICATION: State.PENDING,
    Stage.REJECTED: State.REJECTED,
    Stage.PUBLISHED: State.PUBLISHED,
    Stage.REVOKE_PENDING: State.REVOKE_PENDING,
    Stage.REVOKE_REJECTED: State.REVOKE_REJECTED,
    Stage.REVOKED: State.REVOKED,
    Stage.DELETED: State.DELETED,
}
STAGE_NAMES: dict[Stage, str] = {
    Stage.DRAFT: "草稿",
    Stage.REGISTRATION: "发布待审核（部门注册审核）",
    Stage.PUBLICATION: "发布待审核（主管部门发布审核）",
    Stage.REJECTED: "发布已驳回",
    Stage.PUBLISHED: "已发布",
    Stage.REVOKE_PENDING: "撤销待审核",
    Stage.REVOKE_REJECTED: "撤销已驳回",
    Stage.REVOKED: "已撤销",
    Stage.DELETED: "已删除",
}


@dataclass(frozen=True, slots=True)
class Command:
    """One row. `of_change` True asks for an entry that was published before, False for one that never was."""

    name: str
    title: str
    action: str
    sources: frozenset[Stage]
    target: Stage
    reason: bool = False
    of_change: bool | None = None
    danger: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """Returns the roles that may give the command."""
        return ACTIONS[self.action].roles


_UNDER_REVIEW = frozenset({Stage.REGISTRATION, Stage.PUBLICATION})
_OPEN = frozenset({Stage.DRAFT, Stage.REJECTED})
_IN_FORCE = frozenset({Stage.PUBLISHED, Stage.REVOKE_REJECTED})
_AT_DEPARTMENT = frozenset({Stage.REGISTRATION})
_AT_AUTHORITY = frozenset({Stage.PUBLICATION})
_REVOKING = frozenset({Stage.REVOKE_PENDING})

#: In the order of an entry's life. `edit` registers a text: a new draft, a mended one, or a change.
COMMANDS: dict[str, Command] = {
    row.name: row
    for row in (
        Command("edit", "修改", "entry.apply", _OPEN | _IN_FORCE, Stage.DRAFT),
        Command("submit", "提交审核", "entry.submit", frozenset({Stage.DRAFT}), Stage.REGISTRATION),
        Command("withdraw", "撤回", "entry.withdraw", _UNDER_REVIEW, Stage.DRAFT),
        Command("endorse", "部门审核通过", "entry.endorse", _AT_DEPARTMENT, Stage.PUBLICATION),
        Command("return", "退回修改", "entry.return", _AT_DEPARTMENT, Stage.DRAFT, reason=True),
        Command("approve", "审核通过并发布", "entry.approve", _AT_AUTHORITY, Stage.PUBLISHED),
        Command("send_back", "退回修改", "entry.send_back", _AT_AUTHORITY, Stage.DRAFT, reason=True),
        Command("reject", "驳回", "entry.reject", _AT_AUTHORITY, Stage.REJECTED, reason=True, danger=True),
        Command("abandon", "放弃变更", "entry.abandon", _OPEN, Stage.PUBLISHED, of_change=True, danger=True),
        Command("delete", "删除", "entry.delete", _OPEN, Stage.DELETED, of_change=False, danger=True),
        Command(
            "request_revoke", "申请撤销", "entry.request_revoke", _IN_FORCE, Stage.REVOKE_PENDING,
            reason=True, danger=True,
        ),
        Command("approve_revoke", "同意撤销", "entry.approve_revoke", _REVOKING, Stage.REVOKED, danger=True),
        Command("reject_revoke", "不同意撤销", "entry.reject_revoke", _REVOKING, Stage.REVOKE_REJECTED, reason=True),
        Command("resume", "继续提供", "entry.resume", frozenset({Stage.REVOKE_REJECTED}), Stage.PUBLISHED),
    )
}  # fmt: skip

#: Commands about the entry as a whole; the others are about its newest version.
OF_ENTRY = frozenset({"request_revoke", "approve_revoke", "reject_revoke", "resume"})


def permitted(command: Command, stage: Stage, roles: frozenset[Role], *, published_before: bool) -> bool:
    """Says what the table says: may someone of these roles give the command in this stage."""
    fits = command.of_change is None or command.of_change == published_before
    return fits and stage in command.sources and bool(roles & command.roles)
