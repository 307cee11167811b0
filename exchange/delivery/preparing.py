"""Prepares the next batch of a subscription: its rows rendered to sealed files, its manifest signed. Sends nothing.

Repeated, it returns the batch that is on its way; what an interrupted try left in the outbox goes with the next.
"""

import base64
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from catalog.stores import datasets, entries, keyed_calls
from catalog.stores import deliveries as store
from catalog.stores.datasets import Version
from catalog.stores.deliveries import Batch, Subscription
from catalog.stores.entries import EntryVersion, StoredEntry
from exchange.access import Actor
from exchange.audit import record
from exchange.contracts import entry_from
from exchange.crypto import HubSigner, sm3
from exchange.delivery.contents import Discloser, Stamp, changes, stamped_schema, whole
from exchange.delivery.outbox import Outbox
from exchange.delivery.places import opened
from exchange.delivery.ports import Grants, binding_grant, content_digest, refuse_recalled
from exchange.hub import Hub
from lake.disclosure import Disclosure
from lake.feed import Feed
from lake.rows import RowCoder
from lake.table import LakeTable
from schemas.delivery import TIME, BatchKind, FileFormat, Manifest, PartFile, canonical
from schemas.errors import Denied, NotFound, StateError
from schemas.grants import Grant

#: Rows of one file of a batch.
PART_ROWS = 50_000
_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class _Work:
    """What the next batch is made of. `older` is the version that the consumer holds; None: everything is sent."""

    hub: Hub
    subscription: Subscription
    grant: Grant
    entry: StoredEntry
    version: EntryVersion
    older: Version | None
    newer: Version
    discloser: Discloser
    moments: dict[int, datetime]
    changed_rows: int

    @property
    def kind(self) -> BatchKind:
        """Says whether the batch replaces or follows what was sent before."""
        return "full" if self.older is None else "changes"

    @property
    def format(self) -> FileFormat:
        """How the files are written; a table takes Parquet."""
        return cast(FileFormat, self.subscription.facts.get("format", "parquet"))


def prepare_batch(hub: Hub, actor: Actor, subscription: Subscription, grants: Grants) -> str | None:
    """Returns the number of the batch on its way, or of a new one; None when nothing changed."""
    with hub.transaction() as connection:
        found = store.open_batch(connection, subscription.id)
    outbox = Outbox(hub, subscription.id)
    outbox.clear(found.batch_no if found else None)
    if found is not None:
        return found.batch_no
    if subscription.state != "active":
        raise StateError(
            f"订阅 {subscription.id} 没有启用", "启用的订阅才会送达", "请先恢复订阅", code="SUBSCRIPTION_STATE"
        )
    grant = binding_grant(hub, grants, subscription.grant_number, subscription.dataset, subscription.consumer_code)
    work = _work(hub, subscription, grant)
    if work is None:
        return None
    try:
        return _make(work, actor, outbox)
    except NotFound as error:
        if work.older is None or error.code not in {"VERSION_GONE", "VERSION_NOT_FOUND"}:
            raise
    # Its log is kept, its files are not.
    outbox.clear()
    fresh = _work(hub, subscription, grant, full=True)
    return _make(fresh, actor, outbox) if fresh else None


def _work(hub: Hub, subscription: Subscription, grant: Grant, *, full: bool = False) -> _Work | None:
    dataset = subscription.dataset
    with hub.transaction() as connection:
        held = datasets.find(connection, dataset)
        stored = entries.find(connection, dataset)
        all_versions = {each.version: each for each in datasets.versions(connection, dataset)}
        number = stored.published_version if stored else None
        entry_version = entries.find_version(connection, dataset, number) if number else None
        interests = keyed_calls.interests(connection, subscription.consumer_code, subscription.grant_number)
        if held is not None:
            refuse_recalled(connection, dataset, held.current_version)
    if held is None or held.current_version == 0 or stored is None or entry_version is None:
        raise StateError(
            f"数据集 {dataset} 尚未发布", "已发布的数据集才能送达", "请等数据发布后重试", code="NOT_PUBLISHED"
        )
    newer = all_versions[held.current_version]
    older = all_versions.get(subscription.delivered_version or 0)
    if full or subscription.full_next or subscription.delivered_grant != content_digest(grant, interests):
        older = None
    if older is not None and older.version == newer.version:
        return None
    discloser = replace(_discloser(hub, subscription, grant, entry_version, newer), interests=interests)
    after = older.version if older else 0
    between = [each for each in all_versions.values() if after < each.version <= newer.version]
    changed = sum(each.inserted + each.updated + each.deleted for each in between)
    if older is not None and not _complete(_feed(hub, dataset, older, newer), changed):
        older = None
    moments = {each.version: each.published_at for each in all_versions.values()}
    return _Work(hub, subscription, grant, stored, entry_version, older, newer, discloser, moments, changed)


def _discloser(
    hub: Hub, subscription: Subscription, grant: Grant, entry_version: EntryVersion, newer: Version
) -> Discloser:
    entry = entry_from(entry_version.contract, subscription.dataset)
    layout = LakeTable(hub.settings.lake_root, subscription.dataset, newer.delta_version).layout
    assert layout is not None  # noqa: S101 - a published version has one
    coder = RowCoder(entry, hub.crypto.keys(), hub.crypto.seal())
    key = opened(hub, subscription.id, subscription.sealed_place).guid_key
    return Discloser(Disclosure.of(grant, entry, layout), coder, hub.crypto.suite, key)


def _feed(hub: Hub, dataset: str, older: Version, newer: Version) -> Feed:
    tables = [LakeTable(hub.settings.lake_root, dataset, each.delta_version) for each in (older, newer)]
    return Feed(tables[0], tables[1], older.version, newer.version)


def _complete(feed: Feed, changed: int) -> bool:
    """Says whether the changes can be told one by one; else the whole content says what changed, too."""
    try:
        return feed.complete(changed)
    except NotFound:  # the version that the consumer holds is not kept any more
        return False


def _rows(work: _Work, stamp: Stamp) -> Iterator[pa.RecordBatch]:
    if work.older is None:
        table = LakeTable(work.hub.settings.lake_root, work.subscription.dataset, work.newer.delta_version)
        return whole(work.discloser, table, stamp)
    feed = _feed(work.hub, work.subscription.dataset, work.older, work.newer)
    return changes(work.discloser, feed, stamp)


def _make(work: _Work, actor: Actor, outbox: Outbox) -> str | None:
    """Renders, signs and records the batch; None when nothing of what is granted changed."""
    hub, subscription = work.hub, work.subscription
    now = hub.clock.now()
    with hub.transaction() as connection:
        serial = store.next_serial(connection)
    batch_no = f"{now.astimezone(_BEIJING):%Y%m%d}{hub.settings.node}{serial % 1_000_000:06d}"
    schema = stamped_schema(work.discloser.schema)
    files: list[PartFile] = []
    times: list[datetime] = []
    limit = work.grant.quota.rows_an_export
    for page in _pages(_rows(work, Stamp(batch_no, work.moments, work.newer.version)), schema):
        name = f"part-{len(files) + 1:05d}.{work.format}"
        files.append(outbox.put(batch_no, name, _rendered(page, work.format), page.num_rows))
        times += pc.min_max(page[TIME]).as_py().values()
        if limit is not None and sum(each.rows for each in files) > limit:
            raise _too_many(limit, subscription.grant_number)
    if not files and work.older is not None:
        with hub.transaction() as connection:
            store.change(connection, subscription.id, delivered_version=work.newer.version, updated_at=now)
            detail = {"version": work.newer.version, "unchanged": True}
            record(connection, hub, actor, "delivery.prepare", subscription.id, row_count=0, detail=detail)
        return None
    outbox.finish(batch_no)
    hub.faults.reach("delivery.staged")
    signer = hub.crypto.signer()
    manifest = _manifest(work, batch_no, schema, files, (times, signer.key_id))
    _record(work, actor, manifest, signer)
    hub.faults.reach("delivery.prepared")
    return batch_no


def _manifest(
    work: _Work, batch_no: str, schema: pa.Schema, files: list[PartFile], more: tuple[list[datetime], str]
) -> Manifest:
    columns = tuple((each.name, str(each.type)) for each in schema)
    times, key_id = more
    moments = (
        [moment.astimezone(_BEIJING).isoformat() for moment in (min(times), max(times))] if times else [None, None]
    )
    data_time = work.newer.data_time
    return Manifest(
        batch_no=batch_no,
        sequence=work.subscription.last_sequence + 1,
        kind=work.kind,
        previous=work.subscription.last_batch,
        node_from=work.hub.settings.node,
        node_to=work.subscription.consumer_code,
        subscription=work.subscription.id,
        entry_code=work.entry.code or work.entry.dataset,
        contract_version=work.version.contract_version,
        schema_sm3=sm3(canonical({"columns": [list(each) for each in columns]})).hex(),
        row_count=sum(each.rows for each in files),
        columns=columns,
        min_time=moments[0],
        max_time=moments[1],
        data_version=work.newer.version,
        data_time=data_time.astimezone(_BEIJING).isoformat() if data_time else None,
        files=tuple(files),
        created_at=work.hub.clock.now().astimezone(_BEIJING).isoformat(),
        key_id=key_id,
    )


def _record(work: _Work, actor: Actor, manifest: Manifest, signer: HubSigner) -> None:
    hub, subscription, now = work.hub, work.subscription, work.hub.clock.now()
    batch = Batch(
        batch_no=manifest.batch_no,
        subscription_id=subscription.id,
        sequence=manifest.sequence,
        kind=manifest.kind,
        state="prepared",
        from_version=work.older.version if work.older else None,
        to_version=work.newer.version,
        grant_digest=content_digest(work.grant, work.discloser.interests),
        row_count=manifest.row_count,
        manifest=asdict(manifest),
        signature=base64.b64encode(signer.sign(manifest.canonical())).decode(),
        prepared_at=now,
    )
    with hub.transaction() as connection:
        store.publish_key(connection, signer.key_id, signer.public_key, now)
        store.add_batch(connection, batch)
        # The sequence is taken here: a batch that is withdrawn later leaves a gap, and what follows it is a full one.
        store.change(
            connection, subscription.id, last_sequence=batch.sequence, last_batch=batch.batch_no, updated_at=now
        )
        detail = {"batch": batch.batch_no, "kind": batch.kind, "version": batch.to_version}
        record(
            connection, hub, actor, "delivery.prepare", subscription.id, row_count=batch.row_count, detail=detail
        )  # fmt: skip


def _pages(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        while rows + batch.num_rows >= PART_ROWS:
            room = PART_ROWS - rows
            yield pa.Table.from_batches([*held, batch.slice(0, room)], schema)
            held, rows, batch = [], 0, batch.slice(room)  # noqa: PLW2901 - the rest of it goes on
        if batch.num_rows:
            held.append(batch)
            rows += batch.num_rows
    if held:
        yield pa.Table.from_batches(held, schema)


def _rendered(page: pa.Table, form: FileFormat) -> bytes:
    sink = io.BytesIO()
    if form == "parquet":
        pq.write_table(page, sink, compression="zstd", store_schema=False)
    else:
        texts = [_as_text(column) for column in page.columns]
        pyarrow.csv.write_csv(pa.table(texts, names=page.column_names), sink)
    return sink.getvalue()


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        local = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("s", "Asia/Shanghai"), safe=False)
        return pc.strftime(local, format="%Y-%m-%dT%H:%M:%S%z")
    if pa.types.is_list(column.type):
        return pc.binary_join(column, ";")
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return pa.chunked_array([[None if v is None else base64.b64encode(v).decode() for v in column.to_pylist()]])
    return column


def _too_many(limit: int, grant: str) -> Denied:
    return Denied(
        f"本批次的记录数超过授权 {grant} 每次导出的上限（{limit}条）", "", "请申请提高上限，或缩小行范围", code="QUOTA"
    )
