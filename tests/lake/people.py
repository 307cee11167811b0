"""A small real hub for the lake's tests: keys, seal and frames, an entry and its rows. Not a test."""

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lake.changeset import ChangeCounts, derive
from lake.layout import Layout
from lake.rows import RowCoder
from lake.settle import Settled, settle
from lake.staging import Staging
from lake.table import LakeTable
from schemas.entry import Attachment, Entry, Item, Subject, Thresholds
from schemas.errors import SealBroken

KEY = bytes(range(32))


class RealKeys:
    """HMAC-SHA-256 under two keys."""

    suite = "international"
    generation = 1

    def lookup_hashes(self, texts: Sequence[bytes | None]) -> list[bytes | None]:
        """See schemas/ports.py."""
        return [None if text is None else hmac.digest(KEY, text, hashlib.sha256) for text in texts]

    def digests(self, rows: Sequence[bytes]) -> list[bytes]:
        """See schemas/ports.py."""
        return [hmac.digest(b"d" + KEY, row, hashlib.sha256) for row in rows]


class RealSeal:
    """AES-256-GCM, one nonce a value."""

    def __init__(self) -> None:
        self._box = AESGCM(KEY)

    def seal(self, plaintexts: Sequence[bytes], associated: Sequence[bytes]) -> list[bytes]:
        """See schemas/ports.py."""
        out = []
        for plain, bound in zip(plaintexts, associated, strict=True):
            nonce = os.urandom(12)
            out.append(b"k1:" + nonce + self._box.encrypt(nonce, plain, bound))
        return out

    def open(self, sealed: Sequence[bytes], associated: Sequence[bytes]) -> list[bytes]:
        """See schemas/ports.py."""
        try:
            return [self._box.decrypt(v[3:15], v[15:], bound) for v, bound in zip(sealed, associated, strict=True)]
        except InvalidTag:
            raise SealBroken("密封数据打不开") from None


class RealFrames:
    """AES-256-GCM over frames."""

    def __init__(self) -> None:
        self._box = AESGCM(KEY[::-1])

    def encrypt(self, frame: bytes, associated: bytes) -> bytes:
        """See schemas/ports.py."""
        nonce = os.urandom(12)
        return nonce + self._box.encrypt(nonce, frame, associated)

    def decrypt(self, frame: bytes, associated: bytes) -> bytes:
        """See schemas/ports.py."""
        try:
            return self._box.decrypt(frame[:12], frame[12:], associated)
        except (InvalidTag, ValueError):
            raise SealBroken("数据帧打不开") from None


class NoFaults:
    """Remembers which points were reached."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def reach(self, point: str) -> None:
        """See schemas/ports.py."""
        self.reached.append(point)


def item(name: str, kind: str = "text", letter: str = "C", **more: Any) -> Item:
    """Returns an item whose source column has its own name."""
    return Item(name=name, source=name, title=name, type=letter, kind=kind, **more)  # type: ignore[arg-type]


PEOPLE = Entry(
    dataset="people",
    title="人口",
    version="1.0.0",
    provider_name="公安局",
    provider_code="x",
    items=(
        item("citizen_id", "citizen_id", level=4, required=True, subject=Subject("本人", "111")),
        item("name", "name", level=3, identifying=True),
        item("birth", "date", "D", level=2),
        item("region", "region"),
        item("amount", "decimal", "Y"),
        item("score", "decimal", "N", scale=4),
        item("updated", "datetime", "T"),
        item("alive", "bool", "L"),
        item("count", "integer", "I"),
        item("ratio", "text", "B"),
        item("memo", "text", "M", level=4),
        item("picture", "binary", "G", level=4),
    ),
    row_key=("citizen_id",),
    rules=(),
    attachment=Attachment("file", "snapshot"),
    thresholds=Thresholds(),
    update_cycle="2",
    schedule=None,
    share_type=2,
)


def person(number: int, region: str = "620402", **more: Any) -> dict[str, Any]:
    """Returns one row of PEOPLE; equal numbers give equal rows."""
    row: dict[str, Any] = {
        "citizen_id": f"62040219900307{number:04d}",
        "name": f"测试{number}",
        "birth": date(1990, 3, 7),
        "region": region,
        "amount": Decimal("12.50"),
        "score": Decimal("1.2345"),
        "updated": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "alive": True,
        "count": number,
        "ratio": 0.5,
        "memo": None,
        "picture": b"\x00\xff",
    }
    return row | more


def items_of(entry: Entry, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Returns checked items of an entry."""
    schema = Layout.of(entry).items_schema
    return pa.RecordBatch.from_pylist(list(rows), schema=schema)


def coder_of(entry: Entry) -> RowCoder:
    """Returns a coder with the test's keys."""
    return RowCoder(entry, RealKeys(), RealSeal())


def append_only(entry: Entry) -> Entry:
    """Returns the entry without a row key."""
    return replace(entry, row_key=())


MARRIAGES = replace(
    PEOPLE,
    dataset="marriages",
    items=(
        item("certificate_no", "licence_id", level=3, identifying=True, required=True),
        item("first_id", "citizen_id", level=4, subject=Subject("男方", "111")),
        item("second_id_type", "code", level=2),
        item("second_id", "identifier", level=4, subject=Subject("女方", None, "second_id_type")),
        item("unit_code", "uscc", level=1, subject=Subject("登记机关", "001")),
        item("registered", "date", "D", level=2),
        item("changed_at", "datetime", "T"),
    ),
    row_key=("certificate_no",),
)


def marriage(number: int, **more: Any) -> dict[str, Any]:
    """Returns one row of MARRIAGES."""
    row: dict[str, Any] = {
        "certificate_no": f"J620402-2020-{number:06d}",
        "first_id": f"62040219800101{number:04d}",
        "second_id_type": "111",
        "second_id": f"62040219810101{number:04d}",
        "unit_code": "11620400XX00A0013M",
        "registered": date(2020, 5, 20),
        "changed_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return row | more


def stage(
    staging: Staging,
    coder: RowCoder,
    entry: Entry,
    rows: Sequence[dict[str, Any]],
    *,
    rejected: Sequence[dict[str, Any]] = (),
    parts: int = 1,
) -> Staging:
    """Writes a run's staging: `_op` and `_time` in a row become its marks, `rejected` rows keep their keys."""
    staging.begin(len(rows))
    size = -(-len(rows) // parts) or 1
    for index, start in enumerate(range(0, len(rows), size)):
        some = rows[start : start + size]
        ops = pa.array([row.get("_op") for row in some], pa.string())
        encoded = coder.encode(
            items_of(entry, some),
            pa.array(range(start + 1, start + 1 + len(some)), pa.int64()),
            ops if ops.null_count < len(ops) else None,
            pa.array([row.get("_time") for row in some], pa.timestamp("us", "UTC")),
        )
        staging.write_part(index, encoded)
        if rejected and index == 0:
            staging.write_rejected_keys(index, coder.key_hashes(items_of(entry, rejected)))
    if rejected and not rows:
        staging.write_rejected_keys(0, coder.key_hashes(items_of(entry, rejected)))
    staging.finish({"rows": len(rows)})
    return staging


@dataclass
class Hub:
    """The lake's part of a sync, over one root."""

    root: Path
    entry: Entry
    duck: Any
    faults: Any = field(default_factory=NoFaults)
    version: int = 0
    runs: int = 0

    @property
    def coder(self) -> RowCoder:
        """The coder of the entry in force."""
        return coder_of(self.entry)

    @property
    def table(self) -> LakeTable:
        """The table as it is now."""
        return LakeTable(self.root, self.entry.dataset)

    def sync(self, rows: Sequence[dict[str, Any]], mode: str = "snapshot", **more: Any) -> tuple[Settled, ChangeCounts]:
        """Stages, settles, derives and publishes one batch."""
        self.runs += 1
        staging = Staging(self.root, self.entry.dataset, f"run{self.runs}")
        stage(staging, self.coder, self.entry, rows, **more)
        ordered = self.entry.order_item is not None
        settled = settle(staging, self.duck, mode=mode, ordered=ordered)  # type: ignore[arg-type]
        counts = derive(self.table, staging, self.duck, mode=mode)  # type: ignore[arg-type]
        self.publish(staging, counts)
        return settled, counts

    def publish(self, staging: Staging, counts: ChangeCounts) -> None:
        """Publishes a derived change set as the next version."""
        if not counts.empty:
            self.version += 1
            said = {"version": self.version, "run_id": staging.run, "faults": self.faults}
            self.table.publish(staging, **said, coder=self.coder)
            self.table.append_changes(staging, **said)

    def rows(self, version: int | None = None) -> list[dict[str, Any]]:
        """Returns the published rows, opened, in the order of the first item."""
        table = LakeTable(self.root, self.entry.dataset, version)
        coder, out = self.coder, []
        for batch in table.read():
            out += coder.decode(batch, table.layout).to_pylist()
        return sorted(out, key=str)


def as_read(entry: Entry, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns rows as `Hub.rows` gives them back."""
    return sorted(items_of(entry, rows).to_pylist(), key=str)
