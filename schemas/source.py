"""What connectors say of a source and what they are asked to read; shared by connectors, quality and exchange."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import pyarrow as pa

from schemas.entry import Mode


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the source declares it. `type` is the Arrow type that reading yields; `length` counts characters."""

    name: str
    type: pa.DataType
    length: int | None = None
    nullable: bool = True
    comment: str = ""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table, view or file that an account can read; `rows` is the source's own estimate."""

    name: str
    schema: str | None = None
    kind: Literal["table", "view", "file"] = "table"
    comment: str = ""
    rows: int | None = None
    writable: bool = False


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What a source declares of one table; `natures` says what a column means, whatever Arrow type carries it."""

    columns: tuple[SourceColumn, ...]
    natures: Mapping[str, str]
    key: tuple[str, ...] = ()
    comment: str = ""
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a connection test: name, port, login, privilege, table or read_only; `says` is Chinese."""

    name: str
    passed: bool
    says: str
    next_step: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Asks for rows. `cursor` is what the last published run's reading left (None: from the beginning).

    With mode `snapshot` the whole table is read even where the attachment's own mode is an increment (comparison run).
    `limit` asks for so many rows at most, those that the source gives first; such a reading leaves no cursor.
    """

    columns: tuple[str, ...]
    mode: Mode
    now: datetime
    cursor: Mapping[str, Any] | None = None
    batch_rows: int = 50_000
    limit: int | None = None


class Reading(Protocol):
    """An open reading: iterate once, inside `with`. `cursor` and `records` are valid when the iteration has ended."""

    records: int
    cursor: dict[str, Any] | None

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


class Source(Protocol):
    """A department's system or file, read-only."""

    def test(self) -> list[Step]:
        """Tries name, port, log-in, privilege and table in order; stops at the first that fails."""
        ...

    def columns(self) -> list[SourceColumn]:
        """Lists the columns of the attached table or file; raises SourceError."""
        ...

    def read(self, request: ReadRequest) -> Reading:
        """Opens a reading of landing batches (docs/architecture.md, Landing); raises SourceError."""
        ...
