"""Finds the kind of a consumer's place by name, among the modules of connectors/sinks/ and nothing else."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import cast

import connectors.sinks
from schemas.delivery import Sink
from schemas.errors import SourceUnreadable


def sink_kinds() -> tuple[str, ...]:
    """Lists the kinds of place, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(connectors.sinks.__path__)))


def open_sink(kind: str, url: str, facts: Mapping[str, str]) -> Sink:
    """Returns the sink of a place; `url` holds its secret, `facts` the rest. Connects to nothing yet."""
    if kind not in sink_kinds():
        raise SourceUnreadable(
            f"没有名为“{kind[:40]}”的送达方式", f"可用：{'、'.join(sink_kinds())}", "请修改订阅的送达方式"
        )
    return cast(Sink, importlib.import_module(f"connectors.sinks.{kind}").SINK(url, facts))
