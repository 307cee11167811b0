"""Use-cases of a request's attachments: sealed as the scans of reviews are, shown to who sees the request."""

from datetime import UTC, datetime

from pydantic import Base64Bytes

from catalog.stores import share_requests as store
from catalog.stores.share_requests import RequestFile
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.reviews import Scan
from exchange.scans import checked_scan
from exchange.sharing.parties import require_request
from exchange.sharing.steps import open_case
from schemas.errors import InputError, NotFound

_MOST_FILES = 5


@use_case("share.attach")
def attach(hub: Hub, actor: Actor, number: str, name: str, content: Base64Bytes) -> RequestFile:
    """Adds an attachment to a draft, or to a request that was returned for supplement."""
    require_request(hub, actor, "share.attach", number, "consumer")
    media_type, plain_name = checked_scan(name, content, "附件")
    with hub.transaction() as connection:
        request = open_case(connection, "edit", number).request
        if len(store.files_of(connection, number)) >= _MOST_FILES:
            raise InputError(f"已有{_MOST_FILES}个附件", f"最多{_MOST_FILES}个", "请合并后上传", code="FILES_MOST")
        now = hub.clock.now()
        sealed = hub.crypto.seal("connections").seal([content], [_bound(number, now)])[0]
        values = {"request": request.number, "name": plain_name, "media_type": media_type, "sealed": sealed}
        file_id = store.add_file(connection, values | {"added_by": actor.name, "added_at": now})
        record(connection, hub, actor, "share.attach", number, detail={"file": file_id})
        return next(each for each in store.files_of(connection, number) if each.id == file_id)


def _bound(number: str, at: datetime) -> bytes:
    return f"share:{number}:{at.astimezone(UTC).isoformat(timespec='microseconds')}".encode()


@use_case("share.file")
def show_file(hub: Hub, actor: Actor, number: str, file_id: int) -> Scan:
    """Returns an attachment; raises NotFound."""
    require_request(hub, actor, "share.file", number)
    with hub.transaction() as connection:
        found = store.file_of(connection, number, file_id)
        record(connection, hub, actor, "share.file", number, detail={"file": file_id})
    if found is None:
        raise NotFound(f"没有附件 {file_id}", "", "请从申请页打开", code="FILE_UNKNOWN")
    file, sealed = found
    content = hub.crypto.seal("connections").open([sealed], [_bound(number, file.added_at)])[0]
    return Scan(file.name, file.media_type, content)
