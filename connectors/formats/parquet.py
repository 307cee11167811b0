"""Parquet files, streamed by row group batches. Types stay the file's; nested values become JSON text."""

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.failures import column_twice, columns_missing
from connectors.formats.document import Document, empty
from schemas.entry import Attachment
from schemas.errors import SourceUnreadable
from schemas.source import SourceColumn

_BATCH_ROWS = 50_000


def columns(document: Document, attachment: Attachment) -> list[SourceColumn]:
    """Lists the columns of the file's schema."""
    del attachment
    with _opened(document) as file:
        return [SourceColumn(field.name, _type(field.type), None, field.nullable) for field in file.schema_arrow]


def batches(document: Document, attachment: Attachment, wanted: Sequence[str], prefix: str) -> Iterator[pa.RecordBatch]:
    """Yields batches of the wanted columns; a table has no places."""
    del attachment, prefix
    with _opened(document) as file:
        missing = [name for name in wanted if name not in file.schema_arrow.names]
        if missing:
            raise columns_missing(f"文件{document.name}", missing)
        if twice := [name for name in wanted if file.schema_arrow.names.count(name) > 1]:
            raise column_twice(f"文件{document.name}", twice)
        for batch in file.iter_batches(_BATCH_ROWS, columns=list(wanted)):
            yield pa.RecordBatch.from_arrays([_plain(batch.column(name)) for name in wanted], names=list(wanted))


def _opened(document: Document) -> pq.ParquetFile:
    stream = document.open()
    if not stream.read(1):
        raise empty(document.name)
    stream.seek(0)
    try:
        return pq.ParquetFile(stream, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        encrypted = "ncrypt" in str(error)
    stream.close()
    if encrypted:
        raise SourceUnreadable(f"文件{document.name}已加密", "文件应不设密码", "请提供部门提供未加密的文件")
    raise SourceUnreadable(
        f"文件{document.name}不是完整的Parquet文件", "文件应完整且格式正确", "请提供部门重新传输，或修改挂接中的format"
    )


def _type(kind: pa.DataType) -> pa.DataType:
    """Returns the type that reading yields: dictionaries as their values, nested types as text."""
    if pa.types.is_dictionary(kind):
        return _type(kind.value_type)
    if pa.types.is_nested(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    return kind


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_nested(column.type):
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in column.to_pylist()
        ]
        return pa.array(texts, pa.string())
    return column.cast(_type(column.type))
