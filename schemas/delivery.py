"""What a delivery is made of: batch, manifest, receipt, and the ports between hub and sink (domain.md 8.3).

A batch is part files and a signed manifest. The receiver verifies signature, SM3, schema and rows in this order and
answers with a receipt; it is idempotent on the batch number. No database, no network.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from schemas.ports import Faults

#: A full batch replaces everything that came before it; changes follow the batch before them without a gap.
BatchKind = Literal["full", "changes"]
PlaceKind = Literal["table", "folder", "callback"]
PLACE_KINDS: Mapping[PlaceKind, str] = {"table": "库表交换", "folder": "文件推送", "callback": "接口回调"}
FileFormat = Literal["parquet", "csv"]

#: The columns that every delivered row begins with; cd_operation is I, U or D, and a deletion has no other value.
OPERATION, TIME, BATCH, GUID = "cd_operation", "cd_time", "cd_batch", "row_guid"
ROW_COLUMNS = (OPERATION, TIME, BATCH, GUID)
MANIFEST_NAME = "manifest.json"
RECEIPT_NAME = "ack.json"

#: Called just before each chunk leaves; raises Denied when the grant gives nothing any more.
Gate = Callable[[], None]


@dataclass(frozen=True, slots=True)
class PartFile:
    """One file of a batch; `sm3` is that of its bytes, in hex."""

    name: str
    rows: int
    bytes: int
    sm3: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a batch says of itself. Moments are ISO 8601 with offset; `previous` is the batch before it, if any.

    `sequence` counts the batches of one subscription from 1. `columns` are (name, Arrow type as text).
    """

    batch_no: str
    sequence: int
    kind: BatchKind
    previous: str | None
    node_from: str
    node_to: str
    subscription: str
    entry_code: str
    contract_version: str
    schema_sm3: str
    row_count: int
    columns: tuple[tuple[str, str], ...]
    min_time: str | None
    max_time: str | None
    data_version: int
    data_time: str | None
    files: tuple[PartFile, ...]
    created_at: str
    key_id: str

    def canonical(self) -> bytes:
        """Returns what is signed: UTF-8 JSON with sorted keys, no spaces, non-ASCII kept."""
        return canonical(asdict(self))

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Manifest":
        """Reads what `asdict` gave, also after a way through JSON."""
        named = dict(facts)
        named["columns"] = tuple((str(name), str(kind)) for name, kind in named["columns"])
        named["files"] = tuple(PartFile(**each) for each in named["files"])
        return cls(**named)


def canonical(facts: Mapping[str, Any]) -> bytes:
    """Returns canonical JSON: UTF-8, sorted keys, no spaces, non-ASCII kept."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receiver's answer (回执): `errors` hold a code and a row_guid, never a value."""

    batch_no: str
    accepted: int
    rejected: int = 0
    errors: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Shipment:
    """A batch on its way: its manifest, the signature over `Manifest.canonical()` and a reader of its parts' bytes."""

    manifest: Manifest
    signature: str
    format: FileFormat
    read: Callable[[PartFile], bytes] = field(repr=False)

    @property
    def signed_manifest(self) -> bytes:
        """Returns the manifest with its signature as the receiver gets it."""
        return canonical(asdict(self.manifest) | {"signature": self.signature})


class Sink(Protocol):
    """A consumer's place. Both methods are safe to repeat with the same batch."""

    def deliver(self, shipment: Shipment, gate: Gate, faults: Faults) -> Receipt | None:
        """Brings a batch there exactly once; None when the receipt comes later. Raises SourceError, StateError."""
        ...

    def receipt(self, batch_no: str) -> Receipt | None:
        """Asks for the receipt of a batch delivered before; None when there is none yet."""
        ...
