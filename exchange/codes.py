"""Resource codes (信息资源代码) as the hub issues them (编制指南 1272号): never typed, never used twice."""

import re

from sqlalchemy import Connection

from catalog.stores import entries
from schemas.entry import Entry
from schemas.errors import ContractError

_CLASS = re.compile(r"[123][0-9]{5}[0-9]{0,40}")
_REGION = re.compile(r"[0-9]{6}")


def issue_code(connection: Connection, entry: Entry) -> str:
    """Returns a new code `<分类码>/<顺序码>`: the entry's classification and the next number in it."""
    first = class_code(entry)
    number = entries.next_code_number(connection, first)
    return f"{first}/{number:06d}"


def class_code(entry: Entry) -> str:
    """Returns the classification code: 类, 项, 目 and, where the entry has a region, its last four digits as 细目."""
    given = entry.metadata.get("classification")
    paths = given if isinstance(given, list | tuple) else [given]
    digits = re.sub(r"[^0-9]", "", str(paths[0] or ""))
    if len(digits) == 3:
        digits += "000"
    region = str(entry.metadata.get("region_code") or "")
    if len(digits) == 6 and _REGION.fullmatch(region):
        digits += region[2:]
    if not _CLASS.fullmatch(digits):
        raise ContractError(
            f"目录条目 {entry.dataset} 的信息资源分类不能编成代码",
            "类1位、项2位、目3位，之后为细目，只用数字",
            "请改正 classification",
            code="CLASSIFICATION",
        )
    return digits
