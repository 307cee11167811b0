"""Builds items, entries and landing batches for the tests of this room."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from schemas.entry import Attachment, Entry, Item, Rule, Subject, Thresholds

DATA_DATE = date(2026, 11, 22)
READER = pa.list_(pa.struct([("code", pa.string()), ("column", pa.string()), ("place", pa.string())]))


def item(name: str, kind: str, type_: str = "C", **facts: Any) -> Item:
    """Makes an item whose source column has its own name."""
    facts.setdefault("title", name)
    return Item(name, facts.pop("source", name), facts.pop("title"), type_, kind, **facts)  # type: ignore[arg-type]


def rule(expectation: str, code: str = "VALUE_RULE", severity: str = "error", **kwargs: Any) -> Rule:
    """Makes a rule of the contract."""
    columns = [kwargs.get(key) for key in ("column", "column_A", "column_B", "when_column", "type_column")]
    columns += kwargs.get("column_list", ())
    names = tuple(dict.fromkeys(name for name in columns if name))
    return Rule(f"{expectation}.{'.'.join(names)}", expectation, kwargs, code, severity, names)  # type: ignore[arg-type]


def entry(items: Sequence[Item], rules: Sequence[Rule] = (), key: tuple[str, ...] = (), **facts: Any) -> Entry:
    """Makes an entry."""
    facts.setdefault("thresholds", Thresholds())
    attachment = Attachment("postgres", facts.pop("mode", "snapshot"), "source", table="t")
    return Entry(
        "sample", "样例", "1.0.0", "公安局", "11620400XX00A0048G", tuple(items), key, tuple(rules), attachment,
        update_cycle="2", schedule=None, share_type=1, **facts,
    )  # fmt: skip


def batch(columns: dict[str, Any], **reader: Any) -> pa.RecordBatch:
    """Makes a landing batch; `raw`, `findings`, `op` fill what a reader says."""
    size = len(next(iter(columns.values())))
    own = {
        "_row": pa.array(range(1, size + 1), pa.int64()),
        "_place": pa.array([f"第{number + 1}行" for number in range(1, size + 1)]),
        "_raw": pa.array(reader.get("raw") or [None] * size, pa.binary()),
        "_findings": pa.array(reader.get("findings") or [None] * size, READER),
        "_op": pa.array(reader.get("op") or [None] * size, pa.string()),
        "_time": pa.nulls(size, pa.timestamp("us", "UTC")),
    }
    given = {
        name: each if isinstance(each, pa.Array) else pa.array(each, pa.string()) for name, each in columns.items()
    }
    return pa.RecordBatch.from_pydict({**own, **given})


def citizen(name: str = "citizen_id", **facts: Any) -> Item:
    """Makes a citizen ID item."""
    return item(name, "citizen_id", length=18, level=4, subject=Subject("本人", "111"), **facts)
