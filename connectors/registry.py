"""Finds the kind of source by name. A kind is a module of connectors/sources/ and nothing else: the name comes from a
contract, so it is looked up in the folder's listing and never imported as given."""

import importlib
import pkgutil
from pathlib import Path

import connectors.sources
from connectors.base import SourceBase
from schemas.entry import Attachment
from schemas.errors import SourceUnreadable
from schemas.source import Source, Step


def kinds() -> tuple[str, ...]:
    """Lists the kinds of source, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(connectors.sources.__path__)))


def open_source(attachment: Attachment, url: str | None) -> Source:
    """Returns the source of an attachment; `url` is the connection's, with its secret. Connects to nothing yet."""
    return source_of(attachment, url)


def source_of(attachment: Attachment, url: str | None) -> SourceBase:
    """Returns the source of an attachment with all that a kind's base offers; connects to nothing yet."""
    return _class_of(attachment.connector)(attachment, url)


def test_connection(url: str) -> list[Step]:
    """Tests a bare connection: name, port, log-in, privilege."""
    return bare_source(url).test()


def kind_of(url: str) -> str:
    """Names the kind of source that reads a connection."""
    scheme = "file" if _is_folder(url) else url.split(":", 1)[0].split("+", 1)[0].lower()
    return next((kind for kind in kinds() if scheme in _class_of(kind).schemes), "sql")


def bare_source(url: str) -> SourceBase:
    """Returns the source of a connection to which nothing is attached."""
    kind = kind_of(url)
    return _class_of(kind)(Attachment(connector=kind, mode="snapshot"), url)  # type: ignore[arg-type]


def _is_folder(url: str) -> bool:
    """Says whether the address is a plain path: a folder of files, there or not."""
    return (url.startswith("/") and not url.startswith("//")) or ("://" not in url and url != "" and Path(url).is_dir())


def _class_of(kind: str) -> type[SourceBase]:
    if kind not in kinds():
        raise SourceUnreadable(f"没有名为“{kind}”的连接器", f"可用：{'、'.join(kinds())}", "请修改挂接中的connector")
    found: type[SourceBase] = importlib.import_module(f"connectors.sources.{kind}").SOURCE
    return found
