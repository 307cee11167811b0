"""Proposed items and a table's place → the text of a draft contract (state 0). Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from exchange.proposals import ItemProposal, Reading
from schemas import contract
from schemas.contract.items import LOGICAL_OF_LETTER
from schemas.entry import Attachment

#: Schedules that keep each update cycle; the minute is spread by dataset so that not everything reads at once.
_SCHEDULES = {
    "1": "*/10 * * * *", "2": "{m} 2 * * *", "3": "{m} 3 * * 1", "4": "{m} 3 1 * *", "5": "{m} 3 1 1,4,7,10 *",
    "6": "{m} 3 1 1 *", "7": "{m} 3 1 */3 *", "8": "{m} 3 1 1,7 *",
}  # fmt: skip
_PERSONAL = 3
_SNAKE = re.compile("_([a-z])")
_STANDARD_CONDITION = "用于行政依据、工作参考、数据校核、业务协同，按申请的用途使用"
_STANDARD_SCOPE = "本市各政务部门履行职责需要"


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """What the entry says beside its items; all of it is proposed and may be changed before the draft is made."""

    dataset: str
    title: str
    abstract: str
    classification: str = "307"
    share_type: str = "2"
    share_condition: str = ""
    share_scope: str = ""
    update_cycle: str = "2"
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """The department that provides the data."""

    code: str
    name: str
    region_code: str | None


def schedule_for(cycle: str, dataset: str) -> str:
    """Proposes a schedule that is not slower than the update cycle."""
    return _SCHEDULES[cycle].format(m=sum(dataset.encode()) % 60)


def propose_facts(dataset: str, title: str, items: Sequence[ItemProposal]) -> DraftFacts:
    """Proposes what the entry says: an abstract of its items, and conditional sharing where persons are named."""
    named = [item.title for item in items if item.use]
    listed = "、".join(named[:8]) + ("等" if len(named) > 8 else "")
    personal = any(item.use and item.level >= _PERSONAL for item in items)
    return DraftFacts(
        dataset=dataset,
        title=title,
        abstract=f"包括{listed}共{len(named)}个数据项",
        share_type="2" if personal else "1",
        share_condition=_STANDARD_CONDITION if personal else "无条件",
        share_scope=_STANDARD_SCOPE if personal else "",
        schedule=schedule_for("2", dataset),
    )


def dataset_name(table: str) -> str:
    """Makes the name of a dataset from that of a table or file."""
    stem = re.sub(r"\.[a-z.]+$", "", table.lower().rpartition("/")[2])
    name = re.sub(r"[^a-z0-9_]+", "_", stem).strip("_")[:44]
    return name if re.fullmatch(r"[a-z][a-z0-9_]{1,47}", name) else f"t_{name}".rstrip("_") if name else "t_data"


def server_of(attachment: Attachment) -> dict[str, Any]:
    """Writes an attachment as the one server of a contract; what is as usual is not written."""
    usual = Attachment(connector=attachment.connector, mode=attachment.mode)
    facts: dict[str, Any] = {"connector": attachment.connector, "mode": attachment.mode}
    for each in fields(Attachment):
        value = getattr(attachment, each.name)
        if value != getattr(usual, each.name):
            facts[_SNAKE.sub(lambda match: match[1].upper(), each.name)] = value
    if attachment.reading_window:
        facts["readingWindow"] = "-".join(attachment.reading_window)
    if "totalRows" in facts:
        facts["totalRows"] = list(attachment.total_rows)
    return {"server": "source", "type": "custom", "customProperties": custom(facts)}


def custom(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Writes ODCS customProperties, without what is not given."""
    return [{"property": name, "value": value} for name, value in facts.items() if value is not None]


def with_reading(attachment: Attachment, reading: Reading) -> Attachment:
    """Returns the attachment as it would be read."""
    changes: dict[str, Any] = {"mode": reading.mode, "watermark_column": reading.watermark_column}
    if reading.mode == "change_flag":
        changes |= {"operation_column": reading.operation_column, "time_column": reading.time_column}
        changes |= {"batch_column": reading.batch_column, "guid_column": reading.guid_column}
    return replace(attachment, **changes)


def draft_text(
    facts: DraftFacts, provider: Provider, items: Sequence[ItemProposal], attachment: Attachment, kind: str
) -> str:
    """Writes the draft contract of a table."""
    used = [item for item in items if item.use]
    keyed = [item for item in used if item.key]
    root = {
        "provider_name": provider.name, "provider_code": provider.code, "share_type": facts.share_type,
        "share_condition": facts.share_condition or None, "share_scope": facts.share_scope or None,
        "share_mode_category": "1", "share_mode": "2" if attachment.format == "workbook" else "1",
        "format_category": "2" if attachment.format == "workbook" else "3", "format_type": kind,
        "classification": [facts.classification], "region_code": provider.region_code, "is_open": "0",
        "not_open_reason": "尚未评估开放条件", "secret_flag": "0",
        "appendOnly": None if keyed else True,
    }  # fmt: skip
    clock = next((item.name for item in used if item.column == attachment.watermark_column), None)
    if clock and keyed:
        root["orderItem"] = clock
    named = {"name": facts.dataset, "physicalName": attachment.table, "businessName": facts.title}
    table = {name: value for name, value in named.items() if value} | {"properties": _properties(used)} | _rules(used)
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": facts.dataset,
        "name": facts.title,
        "version": "1.0.0",
        "status": "draft",
        "description": {"purpose": facts.abstract},
        "customProperties": custom(root),
        "slaProperties": [
            {"property": "updateCycle", "value": facts.update_cycle},
            {"property": "schedule", "value": facts.schedule or schedule_for(facts.update_cycle, facts.dataset)},
        ],
        "servers": [server_of(attachment)],
        "schema": [table],
    }
    return contract.dump(document)


def _properties(items: Sequence[ItemProposal]) -> list[dict[str, Any]]:
    position = 0
    found = []
    for item in items:
        facts: dict[str, Any] = {
            "name": item.name, "physicalName": item.column, "businessName": item.title, "physicalType": item.letter,
            "logicalType": LOGICAL_OF_LETTER[item.letter], "classification": f"S{item.level}",
        }  # fmt: skip
        if item.required:
            facts["required"] = True
        if item.key:
            position += 1
            facts |= {"primaryKey": True, "primaryKeyPosition": position, "required": True}
        if item.letter == "C" and item.length:
            facts["logicalTypeOptions"] = {"maxLength": item.length}
        facts["customProperties"] = custom(_custom_facts(item))
        found.append(facts)
    return found


def _custom_facts(item: ItemProposal) -> dict[str, Any]:
    exact = item.letter in "NY"
    return {
        "kind": item.kind,
        "codeSet": item.code_set,
        "identifying": True if item.identifying else None,
        "precision": item.length if exact else None,
        "scale": item.scale if exact else None,
        "openEnd": True if item.open_end else None,
        "subjectRole": item.role,
        "subjectType": {"citizen_id": "111", "uscc": "001"}.get(item.kind) if item.role else None,
    }


def _rules(items: Sequence[ItemProposal]) -> dict[str, Any]:
    """Adds the rules that a person's own number makes possible: birth date and sex agree with it."""
    own = next((item.name for item in items if item.role == "本人" and item.kind == "citizen_id"), None)
    pairs = {"birth_date": "expect_citizen_id_birth_date_to_match", "sex_code": "expect_citizen_id_sex_to_match"}
    wanted = {"birth_date": "date", "sex_code": "code"}
    rules = [
        {
            "type": "custom",
            "engine": "greatExpectations",
            "implementation": {"type": pairs[item.name], "column_A": own, "column_B": item.name},
        }
        for item in items
        if own and item.name in pairs and item.kind == wanted[item.name]
    ]
    return {"quality": rules} if rules else {}
