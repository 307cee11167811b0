"""An entry's contract with its attachment, mapping and schedule put in. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from exchange.draft_contract import server_of
from schemas import contract
from schemas.contract import Contract
from schemas.entry import Attachment


def attached(
    text: str, name: str, attachment: Attachment, mapping: Mapping[str, str], schedule: str | None
) -> Contract:
    """Returns the contract as it reads with the attachment; the same object's text where nothing changes.

    Raises ContractError where the attachment cannot stand in a contract (schedule, location, missing column).
    """
    before = contract.load(text, name)
    document: dict[str, Any] = deepcopy(dict(before.document))
    server = server_of(attachment)
    if before.entry.attachment != attachment:
        document["servers"] = [server]
    table = document["schema"][0]
    if attachment.table:
        table["physicalName"] = attachment.table
    for item in table["properties"]:
        column = mapping.get(item["name"])
        if column and column != item.get("physicalName", item["name"]):
            item["physicalName"] = column
    _schedule(document, schedule)
    if document == before.document:
        return before
    document["version"] = _next(str(document["version"]))
    return contract.load(contract.dump(document), name)


def _schedule(document: dict[str, Any], schedule: str | None) -> None:
    kept = [each for each in document["slaProperties"] if each.get("property") != "schedule"]
    if schedule:
        old: dict[str, Any] = next(
            (each for each in document["slaProperties"] if each.get("property") == "schedule"), {}
        )
        kept.append({**old, "property": "schedule", "value": schedule})
    document["slaProperties"] = kept


def _next(version: str) -> str:
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"
