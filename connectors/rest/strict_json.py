"""Bytes of an answer → JSON values. Refuses what JSON does not know or a program could read two ways."""

import json
from decimal import Decimal
from typing import Any

from schemas.errors import SourceUnreadable

_LONGEST_NUMBER = 64
DEEPEST = 64
_CHARSETS = {"gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030", "utf-8": "utf-8-sig", "utf8": "utf-8-sig"}


class _Ambiguous(ValueError):
    pass


def read_json(content: bytes, content_type: str) -> Any:
    """Reads an answer; raises SourceUnreadable. Numbers with a fraction become Decimal, as written."""
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    if kind and kind not in {"application/json", "text/json", "text/plain"} and not kind.endswith("+json"):
        raise unreadable(f"接口返回的不是 JSON（{_safe(kind)}）", "INTERFACE_NOT_JSON")
    charset = rest.lower().partition("charset=")[2].strip().strip('"') or "utf-8"
    try:
        value = json.loads(
            content.decode(_CHARSETS.get(charset, "utf-8-sig")),
            parse_constant=_refuse,
            parse_float=_decimal,
            parse_int=_integer,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise unreadable("接口返回的 JSON 嵌套过深", "INTERFACE_DEPTH") from None
    except ValueError:
        raise unreadable("接口返回的不是有效的 JSON", "INTERFACE_JSON") from None
    if _deeper_than(value, DEEPEST):
        raise unreadable("接口返回的 JSON 嵌套过深", "INTERFACE_DEPTH")
    return value


def unreadable(got: str, code: str) -> SourceUnreadable:
    """Builds the failure of an answer that can't be read."""
    return SourceUnreadable(got, "应返回与描述一致的 JSON", "请提供部门核对接口", code=code)


def _safe(kind: str) -> str:
    return kind if kind.replace("/", "").replace("-", "").replace("+", "").replace(".", "").isalnum() else "类型不明"


def _refuse(_word: str) -> Any:
    raise _Ambiguous


def _decimal(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER:
        raise _Ambiguous
    number = Decimal(text)
    if number and abs(number.adjusted()) > _LONGEST_NUMBER:
        raise _Ambiguous
    return number


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _Ambiguous
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Ambiguous
    return made


def _deeper_than(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
