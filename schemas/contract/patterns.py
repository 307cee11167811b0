r"""Regular expressions that mean the same to every engine: RE2 with ASCII classes, anchored `\A…\z`."""

import re

import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 1000
#: Found outside a bracket and not escaped; the pattern is walked piece by piece.
_PIECE = re.compile(r"\\.|\[(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])+\]|.", re.DOTALL)
_CLASS_REASON = {
    "d": r"\d在不同引擎中含义不同（可能含全角数字），请写[0-9]",
    "D": r"\D在不同引擎中含义不同，请写[^0-9]",
    "w": r"\w在不同引擎中含义不同，请写[0-9A-Za-z_]",
    "W": r"\W在不同引擎中含义不同，请写[^0-9A-Za-z_]",
    "s": r"\s在不同引擎中含义不同，请写出具体的空白字符",
    "S": r"\S在不同引擎中含义不同，请写出具体的字符",
    "b": r"\b在不同引擎中含义不同，请改写",
    "B": r"\B在不同引擎中含义不同，请改写",
    "Z": r"\Z不是RE2的写法，请写\z",
    "p": r"\p只有部分引擎支持，请写字符范围，如[一-龥]",
    "P": r"\P只有部分引擎支持，请写字符范围",
}


def refusal(pattern: str) -> str | None:
    """Says why `pattern` is refused; None when it is allowed."""
    if len(pattern) > LONGEST:
        return f"正则表达式超过{LONGEST}字"
    if "(?=" in pattern or "(?!" in pattern or "(?<=" in pattern or "(?<!" in pattern:
        return "不支持环视（(?=、(?!、(?<=、(?<!）"
    if re.search(r"(?<!\\)(\\\\)*\\[1-9]", pattern) or "(?P=" in pattern:
        return "不支持反向引用"
    if not (pattern.startswith(r"\A") and pattern.endswith(r"\z")):
        return r"要以\A开头、以\z结尾（不用^和$）"
    return _refused_piece(pattern[2:-2]) or _refused_by_re2(pattern)


def _refused_piece(body: str) -> str | None:
    reasons = (reason for match in _PIECE.finditer(body) if (reason := _piece_reason(match.group())))
    return next(reasons, None) or _refused_construct(body)


def _piece_reason(piece: str) -> str | None:
    letters = re.findall(r"\\(.)", piece)
    named = next((_CLASS_REASON[letter] for letter in letters if letter in _CLASS_REASON), None)
    if piece in "^$":
        return r"不用^和$，用\A和\z"
    if any(letter in "AzQE" for letter in letters):
        return r"\A、\z只能在首尾，\Q、\E不支持"
    if "[:" in piece:
        return "不用[:名称:]，请写字符范围"
    return named


def _refused_construct(body: str) -> str | None:
    if re.search(r"\{,[0-9]*\}", body):
        return "{,n}在不同引擎中含义不同，请写{0,n}"
    if re.search(r"\(\?[a-zA-Z-]+[:)]", body):
        return "不用内嵌标志，如(?i)"
    if "|" in body and not _alternatives_are_grouped(body):
        return r"“|”要放在括号里，如\A(?:甲|乙)\z"
    return None


def _alternatives_are_grouped(body: str) -> bool:
    depth = 0
    for match in _PIECE.finditer(body):
        piece = match.group()
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and depth == 0:
            return False
    return True


def _refused_by_re2(pattern: str) -> str | None:
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return "不是RE2正则表达式"
    try:
        re.compile(pattern.replace(r"\z", r"\Z"))
    except (re.error, OverflowError, RecursionError):
        return "不是各引擎都接受的正则表达式"
    return None
