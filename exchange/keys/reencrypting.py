"""Re-encryption under the newest generation, in small steps: the catalogue, serving tables, lake, frames, files.

Every step looks for values under another key and rewrites a few of them whole or not at all, so that it keeps no
progress of its own: cut off anywhere, the next one goes on with what is left. Content never changes.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select, text

from catalog.stores import datasets, entries
from exchange.contracts import entry_from
from exchange.crypto import generation_of
from exchange.hub import Hub
from exchange.keys.sealed import SEALED, SealedColumn
from exchange.keys.usage import sealed_files
from exchange.runs import working_on
from lake.layout import Layout
from lake.places import storing, whole
from lake.resealing import HEAD_BYTES, folders, last_reseal, reseal_step
from lake.rows import RowCoder
from lake.serving import Serving, table_name
from lake.table import LakeTable
from schemas.entry import Entry
from schemas.errors import Busy, NotFound

ROWS = 500


def newest(hub: Hub) -> str:
    """Names the key under which the hub seals now."""
    return f"{'i' if hub.crypto.suite == 'international' else 'g'}{hub.crypto.generation}"


def steps(hub: Hub) -> Iterator[tuple[str, int]]:
    """Does one step after the other; yields (place, values or files rewritten) after each that changed something.

    A dataset at work is left for the next time.
    """
    for sealed in SEALED:
        yield from _column(hub, sealed)
    with hub.transaction() as connection:
        known = [each.dataset for each in datasets.list_all(connection) if each.current_version]
    for dataset in known:
        try:
            with working_on(hub, dataset):
                yield from _dataset(hub, dataset)
        except Busy:
            continue
    yield from _files(hub)


def is_current(hub: Hub, value: bytes) -> bool:
    """Says whether a value is under the newest key."""
    return generation_of(value) == newest(hub)


def _column(hub: Hub, sealed: SealedColumn) -> Iterator[tuple[str, int]]:
    """Rewrites a column some rows a transaction; a value that somebody replaces meanwhile is left alone."""
    keys, key = list(sealed.table.primary_key.columns), newest(hub)
    with hub.transaction() as connection:
        head = func.substring(sealed.column, 1, HEAD_BYTES).label("head")
        query = select(*keys, head).where(sealed.column.is_not(None))
        stale = [row for row in connection.execute(query).mappings() if generation_of(row["head"]) != key]
    for start in range(0, len(stale), ROWS):
        count = 0
        with hub.transaction() as connection:
            for each in stale[start : start + ROWS]:
                count += _rewrite(hub, connection, sealed, {each_key.name: each[each_key.name] for each_key in keys})
        hub.faults.reach("keys.column")
        if count:
            yield sealed.name, count


def _rewrite(hub: Hub, connection: Connection, sealed: SealedColumn, key: dict[str, Any]) -> int:
    here = [sealed.table.c[name] == value for name, value in key.items()]
    row = connection.execute(sealed.table.select().where(*here).with_for_update()).mappings().one_or_none()
    value = row[sealed.column.name] if row is not None else None
    if row is None or value is None or is_current(hub, value):
        return 0
    seal, bound = hub.crypto.seal(sealed.purpose), [sealed.bound(dict(row)).encode()]
    fresh = seal.seal(seal.open([value], bound), bound)[0]
    connection.execute(sealed.table.update().where(*here).values({sealed.column.name: fresh}))
    return 1


def _dataset(hub: Hub, dataset: str) -> Iterator[tuple[str, int]]:
    entry = _entry(hub, dataset)
    coder = RowCoder(entry, hub.crypto.keys(), hub.crypto.seal())
    yield from _served(hub, dataset, coder)
    key = newest(hub)
    for folder in folders(hub.settings.lake_root, dataset):
        while count := reseal_step(folder, coder, lambda value: generation_of(value) == key, key):
            hub.faults.reach("keys.lake")
            yield f"lake/tables/{dataset}", count
    _settle(hub, dataset)
    for kind in ("landing", "quarantine"):
        yield from _frames(hub, kind, dataset)


def _entry(hub: Hub, dataset: str) -> Entry:
    """Returns any entry of the dataset: values are opened by the layout that they were written with."""
    with hub.transaction() as connection:
        version = entries.latest_version(connection, dataset)
    assert version is not None  # noqa: S101 - a dataset belongs to an entry
    return entry_from(version.contract, dataset)


def _settle(hub: Hub, dataset: str) -> None:
    """Points the hub's present version at the rewritten files; what was cut off before this is made good here."""
    found = last_reseal(LakeTable(hub.settings.lake_root, dataset).folder)
    with hub.transaction() as connection:
        held = datasets.find(connection, dataset)
        # A version that the lake has and the hub not yet belongs to a publishing that will go on.
        if found is None or held is None or held.current_version != found[0] or held.delta_version == found[1]:
            return
        datasets.change(connection, dataset, delta_version=found[1])
        where = {"d": dataset, "v": found[0], "n": found[1]}
        statement = "update hub.dataset_versions set delta_version = :n where dataset = :d and version = :v"
        connection.execute(text(statement), where)
    hub.faults.reach("keys.settled")


def _served(hub: Hub, dataset: str, coder: RowCoder) -> Iterator[tuple[str, int]]:
    with hub.transaction() as connection:
        state = Serving(hub.database_url).state(connection, dataset)
    if state is None or not state.layout.sealed:
        return
    last, name = b"", table_name(dataset)
    while True:
        with hub.transaction() as connection:
            query = f'select key_hash, sealed from serving."{name}" where key_hash > :k order by key_hash limit :n'
            rows = connection.execute(text(query), {"k": last, "n": ROWS}).all()
            stale = [row for row in rows if row.sealed is not None and not is_current(hub, row.sealed)]
            _update(connection, name, stale, coder, state.layout)
        if stale:
            hub.faults.reach("keys.serving")
            yield f"serving.{name}", len(stale)
        if len(rows) < ROWS:
            return
        last = rows[-1].key_hash


def _update(connection: Connection, name: str, stale: list[Any], coder: RowCoder, layout: Layout) -> None:
    import pyarrow as pa  # noqa: PLC0415 - only where rows are rewritten

    if not stale:
        return
    old = pa.array([row.sealed for row in stale], pa.binary())
    fresh = coder.reseal(old, pa.array([row.key_hash for row in stale], pa.binary()), layout).to_pylist()
    statement = text(f'update serving."{name}" set sealed = :f where key_hash = :k and sealed = :o')
    values = [{"f": f, "k": row.key_hash, "o": row.sealed} for f, row in zip(fresh, stale, strict=True)]
    connection.execute(statement, values)


def _frames(hub: Hub, kind: str, dataset: str) -> Iterator[tuple[str, int]]:
    frames = hub.frames
    for path in sorted((hub.settings.lake_root / kind / dataset).glob("*/manifest.json")):
        folder = f"{kind}/{dataset}/{path.parent.name}"
        before = path.read_bytes()
        try:
            count = frames.reseal(folder, lambda value: is_current(hub, value))
        except NotFound:  # cleared since the folder was listed
            continue
        if path.read_bytes() != before:
            hub.faults.reach("keys.frames")
            yield f"lake/{kind}/{dataset}", count


def _files(hub: Hub) -> Iterator[tuple[str, int]]:
    cipher = hub.crypto.frames()
    for place, path, bound in sealed_files(hub):
        try:
            value = path.read_bytes()
        except FileNotFoundError:
            continue
        if is_current(hub, value):
            continue
        with storing(path.name), whole(path) as half:
            half.write_bytes(cipher.encrypt(cipher.decrypt(value, bound), bound))
        hub.faults.reach("keys.files")
        yield place, 1
