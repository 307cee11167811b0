"""YAML text → plain values with the line of every key. Refuses whatever a contract never needs: aliases, tags,
duplicate keys, several documents, deep nesting, large texts. Scalars follow YAML 1.2, so `010`, `22:00` and `yes`
stay text."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from schemas.contract.report import Path, Report, shown
from schemas.yaml_text import LOADER

LARGEST_BYTES = 1_000_000
DEEPEST = 30
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")
_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: value for value in (True, False) for word in (str(value), str(value).lower(), str(value).upper())
}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text: `data` of dicts, lists and scalars, and the place (line, column from 1) of each path."""

    data: Any
    positions: dict[Path, tuple[int, int]]


class _Refused(Exception):
    def __init__(self, mark: Any, got: str, next_step: str) -> None:
        super().__init__(got)
        self.place, self.got, self.next_step = (mark.line + 1, mark.column + 1), got, next_step


def parse(text: str, report: Report) -> Document | None:
    """Parses `text`; adds every problem of the text itself to `report` and returns None when it has no structure."""
    if len(text.encode("utf-8", "replace")) > LARGEST_BYTES:
        report.add_at_line(1, 1, "CONTRACT_YAML", "目录条目文件超过1 MB", "请拆分文件或删去无关内容")
        return None
    builder = _Builder(report)
    try:
        data = builder.build(text)
    except _Refused as refused:
        report.add_at_line(*refused.place, "CONTRACT_YAML", refused.got, refused.next_step)
        return None
    except yaml.reader.ReaderError as error:
        before = text.encode("utf-8", "replace")[: error.position]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "ignore")) + 1
        report.add_at_line(before.count(b"\n") + 1, column, "CONTRACT_YAML", "含有控制字符", "请删去该字符")
        return None
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        step = "请检查该行附近的缩进（只用空格，不用制表符）、引号和冒号"
        report.add_at_line(line, column, "CONTRACT_YAML", "不是有效的YAML", step)
        return None
    return Document(data, builder.positions)


class _Builder:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.positions: dict[Path, tuple[int, int]] = {(): (1, 1)}
        self._depth = 0

    def build(self, text: str) -> Any:
        events = yaml.parse(text, Loader=LOADER)
        data = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(event.start_mark, "一个文件里有多个YAML文档", "请一个目录条目写一个文件")
                data = self._node(next(events), events, ())
        return data

    def _node(self, event: Any, events: Iterator[Any], at: Path) -> Any:
        self._refuse(event)
        self.positions.setdefault(at, (event.start_mark.line + 1, event.start_mark.column + 1))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Refused(event.start_mark, f"嵌套超过{DEEPEST}层", "请按模板书写")
        value = self._list(events, at) if isinstance(event, yaml.SequenceStartEvent) else self._dict(events, at)
        self._depth -= 1
        return value

    def _list(self, events: Iterator[Any], at: Path) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            values.append(self._node(event, events, (*at, len(values))))
        return values

    def _dict(self, events: Iterator[Any], at: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._refuse(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _Refused(event.start_mark, "键不是文字", "请用文字作键")
            mark: Any = event.start_mark
            key, line, column = event.value, mark.line + 1, mark.column + 1
            if key in values:
                self.report.add_at_line(
                    line, column, "CONTRACT_KEY_DUPLICATE", f"键“{shown(key)}”重复", "请删去其中一个"
                )
            self.positions[(*at, key)] = (line, column)
            values[key] = self._node(next(events), events, (*at, key))
        return values

    @staticmethod
    def _refuse(event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(event.start_mark, "使用了YAML锚点或引用（&、*）", "请把内容写全")
        tag = getattr(event, "tag", None)
        if tag and tag not in _CORE_TAGS and tag != "!":
            raise _Refused(event.start_mark, "使用了YAML标签（!）", "请删去标签")


def _scalar(event: yaml.ScalarEvent) -> Any:
    return plain_value(event.value) if event.implicit[0] else event.value


def plain_value(text: str) -> Any:
    """Returns what an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
