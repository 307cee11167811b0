"""Use-cases of attachments (挂接): register, try, submit, review, revoke, close (domain: states 已创建 to 已关闭).

An attachment is in force from the authority's review on; only then the entry's table is read on schedule.
"""

from dataclasses import asdict

from sqlalchemy import Connection

from catalog.stores import attachments as store
from catalog.stores import entries
from catalog.stores.entries import EntryVersion, State
from exchange.access import Actor
from exchange.attachment_states import (
    AttachmentView,
    Found,
    found_of,
    lacks_of,
    loaded_of,
    next_state,
    registered,
    view_of,
)
from exchange.attachment_text import attached
from exchange.audit import record, record_read, use_case
from exchange.connections import require_source, url_within
from exchange.directory import write_dags_file
from exchange.entry_events import note
from exchange.entry_publication import put_in_force
from exchange.hub import Hub
from exchange.scope import reach_of, require_department, require_entry
from exchange.tasks import close_tasks, due_in, open_task
from exchange.trial import Trial, try_file, try_load
from exchange.upload_files import is_upload
from exchange.upload_workbook import form_of
from quality.plan import compile_plan
from schemas.entry import Attachment
from schemas.errors import Denied, InputError, StateError

_REVIEW, _RETURNED = "attachment_review", "attachment_returned"


@use_case("attachment.list")
def list_attachments(hub: Hub, actor: Actor) -> list[AttachmentView]:
    """Lists the attachments within the actor's reach."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        known = [found_of(connection, each.dataset) for each in store.list_all(connection)]
        found = [view_of(each) for each in known if reach.covers(each.stored.provider_code)]
        record(connection, hub, actor, "attachment.list", None, row_count=len(found))
    return found


@use_case("attachment.show")
def show(hub: Hub, actor: Actor, dataset: str) -> AttachmentView:
    """Shows the attachment of an entry; an entry without one is shown as not attached."""
    require_entry(hub, actor, "attachment.show", dataset)
    with hub.transaction() as connection:
        record(connection, hub, actor, "attachment.show", dataset)
    return _shown(hub, dataset)


@use_case("attachment.save")
def save(
    hub: Hub, actor: Actor, dataset: str, attachment: Attachment, mapping: dict[str, str], schedule: str
) -> AttachmentView:
    """Registers what an entry reads and how: connection, table, columns of its items, schedule. Undoes an old trial."""
    require_entry(hub, actor, "attachment.save", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    next_state(found.state, "save")
    unknown = set(mapping) - {item.name for item in found.entry.items}
    if unknown:
        raise InputError(
            f"没有数据项 {'、'.join(sorted(unknown))[:60]}", "条目的数据项", "请刷新页面", code="ITEM_UNKNOWN"
        )
    kept = {name: column.strip() for name, column in mapping.items() if column.strip()}
    loaded = attached(found.version.contract, dataset, attachment, kept, schedule.strip() or None)
    require_source(loaded.entry, hub, actor, "attachment.save")
    with hub.transaction() as connection:
        held = store.find(connection, dataset, locked=True)
        next_state(held.state if held else found.state, "save")
        store.begin(connection, dataset, attachment, kept, schedule.strip() or None, (actor.name, hub.clock.now()))
        close_tasks(connection, hub, actor, kind=_RETURNED, dataset=dataset)
        record(connection, hub, actor, "attachment.save", dataset, detail={"connection": attachment.connection})
    return _shown(hub, dataset)


@use_case("attachment.try")
def try_attachment(hub: Hub, actor: Actor, dataset: str) -> AttachmentView:
    """Tries the attachment with real rows and keeps the counts; raises ContractError, SourceError."""
    require_entry(hub, actor, "attachment.try", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    next_state(found.state, "try")
    loaded = loaded_of(found)
    if is_upload(registered(found).facts, dataset):
        raise StateError("文件填报没有可以读取的表", "以一份填好的数据文件试填报", "请下载数据模板，填写后上传试填报",
                         code="ATTACHMENT_STATE")  # fmt: skip
    connection_name = registered(found).facts.connection
    url = url_within(connection_name, hub, actor, "attachment.try") if connection_name else None
    require_source(loaded.entry, hub, actor, "attachment.try")
    record_read(hub, actor, "attachment.try", dataset)
    _keep_trial(hub, actor, "attachment.try", found, try_load(loaded, url, hub.clock.now()))
    return _shown(hub, dataset)


@use_case("attachment.try_file")
def try_uploaded(hub: Hub, actor: Actor, dataset: str, file_name: str, content: bytes) -> AttachmentView:
    """Tries an attachment by upload (文件填报) with a filled data template; counts and keeps no row."""
    require_entry(hub, actor, "attachment.try_file", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    next_state(found.state, "try")
    loaded = loaded_of(found)
    if not is_upload(registered(found).facts, dataset):
        raise StateError("该挂接读取的是表或文件", "试加载直接读取来源", "请办理试加载", code="ATTACHMENT_STATE")
    trial = try_file(loaded, content, form_of(file_name, content), hub.clock.now())
    _keep_trial(hub, actor, "attachment.try_file", found, trial)
    return _shown(hub, dataset)


def _keep_trial(hub: Hub, actor: Actor, action: str, found: Found, trial: Trial) -> None:
    """Keeps the counts of a trial, unless the attachment was changed meanwhile."""
    dataset = found.stored.dataset
    with hub.transaction() as connection:
        held = store.find(connection, dataset, locked=True)
        if held is None or held.mapping != registered(found).mapping or held.attachment != registered(found).attachment:
            raise StateError("试加载期间挂接已被修改", "", "请重新试加载", code="ATTACHMENT_CHANGED")
        facts = asdict(trial) | {"passed": trial.passed}
        store.change(connection, dataset, trial=facts, tried_at=hub.clock.now())
        counts = {"accepted": trial.accepted, "rejected": trial.rejected, "score": trial.score}
        record(connection, hub, actor, action, dataset, row_count=trial.rows, detail=counts)


@use_case("attachment.submit")
def submit(hub: Hub, actor: Actor, dataset: str) -> AttachmentView:
    """Submits the attachment for the authority's review (挂接审核); all guards must hold."""
    require_entry(hub, actor, "attachment.submit", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        state = next_state(found.state, "submit")
        _refuse_lacking(found)
        now = hub.clock.now()
        store.change(connection, dataset, state=state, submitted_by=actor.name, submitted_at=now, opinion=None)
        close_tasks(connection, hub, actor, kind=_RETURNED, dataset=dataset)
        _ask_review(connection, hub, found, "挂接审核")
        record(connection, hub, actor, "attachment.submit", dataset, entry_code=found.stored.code)
    return _shown(hub, dataset)


@use_case("attachment.decide")
def decide(hub: Hub, actor: Actor, dataset: str, approve: bool, opinion: str) -> AttachmentView:
    """Decides a submitted attachment or a revocation; who submitted does not review. Approving puts it in force."""
    _require_reviewer(dataset, hub, actor)
    if not approve and not opinion.strip():
        raise InputError("没有写明退回意见", "退回必须写明意见", "请写明意见", code="REASON")
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        state = next_state(found.state, "approve" if approve else "return")
        if state == "published":
            _put_in_force(hub, connection, actor, found)
        facts = {"reviewed_by": actor.name, "reviewed_at": hub.clock.now(), "opinion": opinion.strip() or "同意"}
        store.change(connection, dataset, state=state, **facts)
        close_tasks(connection, hub, actor, kind=_REVIEW, dataset=dataset)
        if not approve:
            _tell_return(connection, hub, found)
        detail = {"approved": approve, "state": state}
        record(connection, hub, actor, "attachment.decide", dataset, entry_code=found.stored.code, detail=detail)
    write_dags_file(hub)
    return _shown(hub, dataset)


@use_case("attachment.revoke")
def revoke(hub: Hub, actor: Actor, dataset: str, reason: str) -> AttachmentView:
    """Asks that an attachment be revoked: the data stays, its syncs stop when the authority agrees."""
    require_entry(hub, actor, "attachment.revoke", dataset)
    if not reason.strip():
        raise InputError("没有写明撤销理由", "撤销必须写明理由", "请写明理由", code="REASON")
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        state = next_state(found.state, "revoke")
        now = hub.clock.now()
        if found.attachment is None:
            assert found.entry.attachment is not None  # noqa: S101 - published with it
            mapping = {item.name: item.source for item in found.entry.items}
            store.begin(connection, dataset, found.entry.attachment, mapping, found.entry.schedule, (actor.name, now))
        facts = {"submitted_by": actor.name, "submitted_at": now, "opinion": reason.strip()}
        store.change(connection, dataset, state=state, **facts)
        _ask_review(connection, hub, found, "撤销挂接审核")
        record(connection, hub, actor, "attachment.revoke", dataset, entry_code=found.stored.code)
    return _shown(hub, dataset)


@use_case("attachment.close")
def close(hub: Hub, actor: Actor, dataset: str) -> AttachmentView:
    """Closes an attachment that is not in force."""
    require_entry(hub, actor, "attachment.close", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        store.change(connection, dataset, state=next_state(found.state, "close"))
        close_tasks(connection, hub, actor, kind=_RETURNED, dataset=dataset)
        record(connection, hub, actor, "attachment.close", dataset)
    return _shown(hub, dataset)


def _refuse_lacking(found: Found) -> None:
    registered(found)
    lacks = lacks_of(found)
    if lacks:
        raise StateError(
            f"挂接还不能提交：{'；'.join(lacks)}",
            "条目已发布、映射完整、试加载达标、计划不慢于更新周期",
            "请逐项办完后再提交",
            code="ATTACHMENT_GUARD",
        )


def _require_reviewer(dataset: str, hub: Hub, actor: Actor) -> None:
    """Raises Denied, after recording it, unless the entry is within reach and another person submitted."""
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    require_department(hub, actor, "attachment.decide", found.stored.provider_code, dataset)
    if found.attachment is not None and found.attachment.submitted_by == actor.name:
        with hub.transaction() as connection:
            record(connection, hub, actor, "attachment.decide", dataset, result="denied", error_code="SAME_PERSON")
        step = "请由其他数据管理员审核"
        raise Denied("不能审核自己提交的挂接", "审核人与提交人不得为同一人", step, code="SAME_PERSON")


def _put_in_force(hub: Hub, connection: Connection, actor: Actor, found: Found) -> None:
    """Writes the entry's version with the attachment and puts it in force; the same text needs no version."""
    _refuse_lacking(found)
    dataset = found.stored.dataset
    latest = entries.latest_version(connection, dataset)
    if latest is None or latest.number != found.version.number:
        raise StateError(
            "条目有正在办理的新版本", "先办完条目的变更，再审核挂接", "请先发布或撤回新版本", code="ENTRY_CHANGING"
        )
    loaded = loaded_of(found)
    if loaded.text == found.version.contract:
        return
    now, number = hub.clock.now(), latest.number + 1
    says = [{"place": "servers", "compatible": True, "says": "挂接数据资源"}]
    values = (dataset, number, loaded.entry.version, loaded.text, State.DRAFT, None, None, says, actor.name, now, None)
    version = EntryVersion(*values)
    entries.add_version(connection, version)
    put_in_force(hub, connection, found.stored, loaded, version, compile_plan(loaded.entry))
    states = (State.PUBLISHED, State.PUBLISHED)
    note(connection, hub, actor, dataset=dataset, version=number, command="attach", states=states)


def _ask_review(connection: Connection, hub: Hub, found: Found, what: str) -> None:
    open_task(
        connection,
        hub,
        kind=_REVIEW,
        title=f"{what}：{found.entry.title}",
        link=f"/entries/{found.stored.dataset}/attach",
        department=found.stored.provider_code,
        role="data_admin",
        dataset=found.stored.dataset,
        due_on=due_in(hub, "REVIEW_AUTHORITY"),
    )


def _tell_return(connection: Connection, hub: Hub, found: Found) -> None:
    open_task(
        connection,
        hub,
        kind=_RETURNED,
        title=f"挂接已退回：{found.entry.title}",
        link=f"/entries/{found.stored.dataset}/attach",
        department=found.stored.provider_code,
        role="editor",
        dataset=found.stored.dataset,
    )


def _shown(hub: Hub, dataset: str) -> AttachmentView:
    with hub.transaction() as connection:
        return view_of(found_of(connection, dataset))
