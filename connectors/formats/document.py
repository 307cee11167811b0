"""A document: one file to be read, by name and a way to open it. Formats see documents, never paths or addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from schemas.errors import SourceUnreadable

_MAGIC = {
    b"PK\x03\x04": "工作簿（.xlsx）或压缩包",
    b"\xd0\xcf\x11\xe0": "旧版工作簿（.xls）或加密的工作簿",
    b"PAR1": "Parquet文件",
    b"%PDF": "PDF文件",
    b"Rar!": "压缩包",
    b"7z\xbc\xaf": "压缩包",
}


@dataclass(frozen=True, slots=True)
class Document:
    """One file: `name` for messages and places, `open` gives a fresh binary stream that can seek."""

    name: str
    open: Callable[[], BinaryIO]


def empty(name: str) -> SourceUnreadable:
    """Builds the failure of a file without content."""
    return SourceUnreadable(f"文件{name}是空的", "文件至少应有表头", "请提供部门重新导出")


def refuse_other_format(name: str, head: bytes, wanted: str) -> None:
    """Refuses a file whose first bytes say that it is something else than declared."""
    for magic, title in _MAGIC.items():
        if head.startswith(magic):
            raise SourceUnreadable(
                f"文件{name}是{title}", f"目录声明的格式是{wanted}", "请修改挂接中的format或更换文件"
            )
