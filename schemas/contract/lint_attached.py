"""L15 of the lint: does the attached table hold every column that the items read, in a type that can be read?"""

from collections.abc import Sequence

import pyarrow as pa

from schemas.contract.lint_sharing import Failure
from schemas.contract.report import likely
from schemas.entry import Attachment, Entry
from schemas.source import SourceColumn


def lacking_columns(entry: Entry, columns: Sequence[SourceColumn]) -> Failure | None:
    """Names the first column that the attached table lacks or holds in a type that the item cannot take."""
    held = {column.name: column for column in columns}
    for name in (*entry.source_columns, *_reading_columns(entry.attachment)):
        if name not in held:
            meant = likely(name, held)
            step = f"来源中有相近的列“{meant}”，请改正physicalName" if meant else "请核对physicalName和挂接的表"
            return Failure(f"挂接的表没有列“{name}”", step)
    for item in entry.items:
        column = held[item.source]
        if not _readable(column.type, item.type):
            return Failure(f"列“{item.source}”的类型不能读成数据项“{item.title}”", "请改正physicalType或来源列")
    return None


def _reading_columns(attachment: Attachment | None) -> tuple[str, ...]:
    if attachment is None:
        return ()
    if attachment.mode == "watermark" and attachment.watermark_column:
        return (attachment.watermark_column,)
    if attachment.mode == "change_flag":
        return (attachment.operation_column, attachment.time_column)
    return ()


def _readable(kind: pa.DataType, letter: str) -> bool:
    if pa.types.is_nested(kind):
        return False
    if letter == "G":
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_string(kind))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return False
    if pa.types.is_boolean(kind):
        return letter in "LCMIN"
    if pa.types.is_temporal(kind):
        return letter in "DTCM"
    return True
