"""Reviews before submission (R-23): 保密审查, 个人信息保护影响评估, 部门主要负责人同意, each with its signed sheet.

The leader needs no account: the editor records who signed, when, and with which opinion, and keeps the sheet, sealed.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from pydantic import Base64Bytes
from sqlalchemy import Connection

from catalog.stores import entries as entry_store
from catalog.stores import entry_events as event_store
from catalog.stores import entry_reviews as store
from catalog.stores.entries import EntryVersion, State
from catalog.stores.entry_reviews import Review
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scans import checked_scan
from exchange.scope import require_entry, unknown_entry
from exchange.tasks import today
from schemas.errors import InputError, NotFound, StateError

Kind = Literal["secrecy", "personal_information", "leader"]
KIND_NAMES: dict[str, str] = {
    "secrecy": "保密审查",
    "personal_information": "个人信息保护影响评估",
    "leader": "部门主要负责人同意",
}
_LONGEST_NAME, _LONGEST_OPINION = 50, 500


@dataclass(frozen=True, slots=True)
class NewReview:
    """A review as its recorder gives it; over the API the scan is Base64."""

    kind: Kind
    person: str
    reviewed_on: date
    passed: bool
    opinion: str
    scan_name: str
    scan: Base64Bytes


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A recorded review; `current` is the newest of its kind, `stale` one older than the draft's last change."""

    id: int
    kind: str
    kind_name: str
    person: str
    reviewed_on: date
    passed: bool
    opinion: str
    scan_name: str | None
    recorded_by: str
    recorded_at: datetime
    current: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """A signed sheet."""

    name: str
    media_type: str
    content: bytes


@use_case("review.record")
def record_review(hub: Hub, actor: Actor, dataset: str, review: NewReview) -> ReviewView:
    """Records a review of the entry's draft with the scan of its signed sheet; a newer one takes its place."""
    require_entry(hub, actor, "review.record", dataset)
    media_type, name = _checked(hub, review)
    with hub.transaction() as connection:
        stored = entry_store.find_locked(connection, dataset)
        version = entry_store.latest_version(connection, dataset)
        if stored is None or version is None:
            raise unknown_entry(connection, dataset)
        if version.state not in (State.DRAFT, State.REJECTED) or stored.state == State.DELETED:
            raise StateError(
                f"目录条目 {dataset} 不在编制中",
                "审查意见在提交之前登记",
                "已提交的，请先撤回",
                code="ENTRY_STATE",
            )
        now = hub.clock.now()
        sealed = hub.crypto.seal("connections").seal(
            [review.scan], [_bound(dataset, version.number, review.kind, now)]
        )[0]
        kept = store.NewReview(
            dataset=dataset, version=version.number, kind=review.kind, person=review.person.strip(),
            reviewed_on=review.reviewed_on, passed=review.passed, opinion=review.opinion.strip(),
            scan_name=name, scan_type=media_type, scan_sealed=sealed, recorded_by=actor.name, recorded_at=now,
        )  # fmt: skip
        number = store.add(connection, kept)
        detail = {"version": version.number, "kind": review.kind, "passed": review.passed}
        record(connection, hub, actor, "review.record", dataset, detail=detail)
        return next(view for view in reviews_of(connection, version) if view.id == number)


def _checked(hub: Hub, review: NewReview) -> tuple[str, str]:
    """Returns the scan's media type, by its content, and its name; raises InputError."""
    if review.kind not in KIND_NAMES:
        allowed = "、".join(KIND_NAMES.values())
        raise InputError("没有这种审查", f"审查的种类：{allowed}", "请选择其中一种", code="REVIEW_KIND")
    for words, most, what in (
        (review.person, _LONGEST_NAME, "审查人"),
        (review.opinion, _LONGEST_OPINION, "审查意见"),
    ):
        if not words.strip() or len(words.strip()) > most:
            raise InputError(f"{what}没有填写或太长", f"1至{most}个字", f"请填写{what}", code="REVIEW_FIELD")
    if review.reviewed_on > today(hub):
        raise InputError("审查日期在今天之后", "不晚于今天", "请改正审查日期", code="REVIEW_DATE")
    return checked_scan(review.scan_name, review.scan, "签批件")


def _bound(dataset: str, version: int, kind: str, at: datetime) -> bytes:
    return f"review:{dataset}:{version}:{kind}:{at.astimezone(UTC).isoformat(timespec='microseconds')}".encode()


@use_case("review.scan")
def show_scan(hub: Hub, actor: Actor, dataset: str, review_id: int) -> Scan:
    """Returns the signed sheet of a review; raises NotFound, Denied."""
    require_entry(hub, actor, "review.scan", dataset)
    with hub.transaction() as connection:
        found = store.scan_of(connection, review_id)
        record(connection, hub, actor, "review.scan", dataset, detail={"review": review_id})
    if found is None or found[0].dataset != dataset or found[1] is None:
        raise NotFound(f"没有审查记录 {review_id}", "", "请从目录条目页打开", code="REVIEW_UNKNOWN")
    review, sealed = found
    bound = _bound(dataset, review.version, review.kind, review.recorded_at)
    content = hub.crypto.seal("connections").open([sealed or b""], [bound])[0]
    return Scan(review.scan_name or "签批件", review.scan_type or "application/octet-stream", content)


def reviews_of(connection: Connection, version: EntryVersion) -> list[ReviewView]:
    """Lists the reviews of a version, newest first."""
    history = event_store.history(connection, version.dataset)
    changes = [e.at for e in history if e.version == version.number and e.command in ("draft", "edit")]
    changed = max(changes, default=version.created_at)
    seen: set[str] = set()
    views = []
    for review in store.of_version(connection, version.dataset, version.number):
        views.append(_view(review, current=review.kind not in seen, stale=review.recorded_at < changed))
        seen.add(review.kind)
    return views


def _view(review: Review, *, current: bool, stale: bool) -> ReviewView:
    return ReviewView(
        id=review.id, kind=review.kind, kind_name=KIND_NAMES[review.kind], person=review.person,
        reviewed_on=review.reviewed_on, passed=review.passed, opinion=review.opinion, scan_name=review.scan_name,
        recorded_by=review.recorded_by, recorded_at=review.recorded_at, current=current, stale=stale,
    )  # fmt: skip


def refuse_unreviewed(connection: Connection, version: EntryVersion) -> None:
    """Raises StateError unless each review of R-23 is there, has passed and is newer than the draft's last change."""
    current = {view.kind: view for view in reviews_of(connection, version) if view.current}
    says = []
    for kind, name in KIND_NAMES.items():
        view = current.get(kind)
        if view is None:
            says.append(f"没有{name}")
        elif not view.passed:
            says.append(f"{name}没有通过")
        elif view.stale:
            says.append(f"{name}之后条目又有修改")
    if says:
        raise StateError(
            f"目录条目 {version.dataset} 报送前的审查不齐：{'；'.join(says)}",
            "、".join(KIND_NAMES.values()) + "都要对现有内容作出",
            "请在目录条目页登记审查意见并上传签批件",
            code="REVIEWS_MISSING",
        )
