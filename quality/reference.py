"""Second, scalar readings of dates, numbers, texts and cross-field rules, for GX's engine to run as the gate's oracle.

Written apart from the gate's vectorised ones, on Python's own types; slow, and used only where GX runs. Every function
says whether one value passes.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from quality.normalise.capital import read as read_capital
from schemas import identifiers
from schemas.codes import code_set
from schemas.identifiers import Result

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_CLOCK = r"(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(\.\d{1,9})?)?[分秒]?\s*(Z|[+-]\d{2}:?\d{2})?"
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T时 \s]*" + _CLOCK + ")?",
    re.ASCII,
)
_COMPACT = re.compile(
    r"(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2})(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_FLOAT_END = Decimal("1.797693134862315708E+308")
_TRUTHS = frozenset(("是", "1", "Y", "YES", "TRUE", "T", "有", "真", "否", "0", "N", "NO", "FALSE", "F", "无", "假"))
_CARDS = {
    "uscc": identifiers.uscc,
    "org_code": identifiers.org_code,
    "registration_number": identifiers.registration_number,
    "licence_id": identifiers.licence_id,
}
_WRONG_FILLINGS = ("锟斤", "斤拷", "烫烫烫", "屯屯屯")
_SEQUENCE = re.compile(
    rb"(?=(\xc2[\x80-\xbf]|\xc3[\x80-\xb6\xb8-\xbf]|[\xe3-\xe9][\x80-\xb6\xb8-\xbf]{2}"
    rb"|\xe2\x80[\x80-\xb6\xb8-\xbf]|\xef[\xbc\xbd\xbf][\x80-\xb6\xb8-\xbf]))"
)


def _day(facts: Mapping[str, Any]) -> date:
    return date.fromisoformat(facts["data_date"])


def identifier(value: str, facts: Mapping[str, Any]) -> bool:
    """Passes an identifier without an error."""
    if facts["kind"] == "citizen_id":
        return _no_error(identifiers.citizen_id(value, _day(facts)))
    return _no_error(_CARDS[facts["kind"]](value))


def _no_error(result: Result) -> bool:
    return not any(finding.severity == "error" for finding in result.findings)


def identifier_of_type(value: Any, code: Any, facts: Mapping[str, Any]) -> bool:
    """Passes an identifier that fits its document type, and null."""
    if _null(value):
        return True
    code = None if _null(code) else code
    return _no_error(identifiers.identifier_of_type(facts.get("type_code") or code, value, _day(facts)))


def in_code_set(value: str, facts: Mapping[str, Any]) -> bool:
    """Passes a code of the set."""
    return code_set(facts["code_set"]).contains(value)


def undamaged(value: str, facts: Mapping[str, Any]) -> bool:
    """Passes a text without broken or control characters."""
    for character in value:
        category = unicodedata.category(character)
        if category == "Co" or character == "\ufffd" or (category == "Cc" and character not in "\t\n\r"):
            return False
    if any(filling in value for filling in _WRONG_FILLINGS) or value.startswith("锘"):
        return False
    if re.search("[À-ÖØ-öø-ÿ]{4,}", value):
        return False
    return not (_read_as_latin(value) or _read_as_gbk(value))


def _read_as_latin(value: str) -> bool:
    """Looks for UTF-8 sequences of two and three bytes among the bytes that the characters may have been."""
    data, windows = bytearray(), set()
    for character in value:
        byte = _one_byte(character)
        if byte is None:
            data.append(0x20)
            continue
        if ord(character) > 0xFF:
            windows.add(len(data))
        data.append(byte)
    for match in _SEQUENCE.finditer(bytes(data)):
        two = len(match.group(1)) == 2
        known = two or match.group(1)[:2] == b"\xe2\x80" or match.group(1)[0] == 0xEF
        if known or not {match.start() + 1, match.start() + 2} <= windows:
            return True
    return False


def _one_byte(character: str) -> int | None:
    for encoding in ("latin-1", "cp1252"):
        try:
            return character.encode(encoding)[0]
        except UnicodeEncodeError:
            continue
    return None


def _read_as_gbk(value: str) -> bool:
    if value.isascii():
        return False
    data = value.encode("gbk", errors="replace")
    decoded = data.decode("utf-8", errors="ignore")
    return decoded.encode("utf-8") == data and len(re.findall(r"[一-鿿，。、；：（）“”]", decoded)) >= 2


def short_enough(value: str, facts: Mapping[str, Any]) -> bool:
    """Passes a text that fits when written in the encoding."""
    return len(value.encode(facts["encoding"], errors="replace")) <= int(facts["max_value"])


def not_in_future(value: Any, facts: Mapping[str, Any]) -> bool:
    """Passes a date or datetime up to the data date."""
    moment = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    if moment.tzinfo is not None:
        moment = moment.astimezone(_SHANGHAI)
    return bool(moment.date() <= _day(facts))


def readable(value: Any, facts: Mapping[str, Any]) -> bool:
    """Passes a received text that is of the kind."""
    text, kind = str(value), facts["kind"]
    if kind in {"date", "datetime"}:
        moment = read_moment(text)
        return moment is not None and (1800 <= moment.year <= 2200 or (moment.year == 9999 and bool(facts["open_end"])))
    if kind in {"capital", "capital_currency"}:
        return read_capital(text, facts["scale"])[2 if kind == "capital" else 3] is None
    if kind == "bool":
        return unicodedata.normalize("NFKC", text).upper() in _TRUTHS
    return _number(text, facts)


def read_moment(text: str) -> datetime | None:
    """Reads a date or datetime text; None when it is none."""
    text = unicodedata.normalize("NFKC", text).strip()
    text = re.sub("[〇○]", "0", re.sub("[‐-―−]", "-", text))
    match = _DATE.fullmatch(text) or _COMPACT.fullmatch(text)
    if match is None:
        return _serial(text)
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        if hour == 24 and minute == second == 0:
            return datetime(year, month, day, tzinfo=_SHANGHAI) + timedelta(days=1)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_SHANGHAI)
    except (ValueError, OverflowError):
        return None
    return moment


def _serial(text: str) -> datetime | None:
    if not re.fullmatch(r"\d{1,5}(\.\d{1,12})?", text, re.ASCII):
        return None
    whole = int(text.split(".", maxsplit=1)[0])
    if not 1 <= whole <= 60_000 or whole == 60:
        return None
    return datetime(1899, 12, 31 if whole < 60 else 30, tzinfo=_SHANGHAI) + timedelta(days=whole)


def _number(text: str, facts: Mapping[str, Any]) -> bool:
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    text = re.sub("^[−‐–—]", "-", text)
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text, re.ASCII):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d{1,3})?", text.upper(), re.ASCII):
        return False
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return abs(number) < _FLOAT_END if facts["type"] in {"B", "F"} else _fits(number, facts)


def _fits(number: Decimal, facts: Mapping[str, Any]) -> bool:
    _, digits, exponent = number.normalize().as_tuple()
    places = max(-int(exponent), 0)
    whole = max(len(digits) + int(exponent), 0) if number else 0
    if facts["type"] == "I":
        return places == 0 and -(2**63) <= number < 2**63
    widest = (38 if facts["type"] == "N" else 20) - facts["scale"]
    allowed = widest if facts["length"] is None else min(widest, max(facts["length"] - facts["scale"], 1))
    return bool(places <= facts["scale"] and whole <= allowed)


def birth_matches(value: str, other: Any, facts: Mapping[str, Any]) -> bool:
    """Passes a number with that birth date, or with none that can be read."""
    born = _person(value, facts).birth_date
    return born is None or born == _date_of(other)


def sex_matches(value: str, other: Any, facts: Mapping[str, Any]) -> bool:
    """Passes a number of that sex, or where either is not told."""
    sex = _person(value, facts).sex
    return sex is None or str(other) not in {"1", "2"} or str(other) == sex


def old_enough(value: Any, other: Any, facts: Mapping[str, Any]) -> bool:
    """Passes a person of that age, or one to whom the rule does not speak."""
    if not _among(other, facts["when_values"]) or not isinstance(value, str):
        return True
    born, today = _person(value, facts).birth_date, _day(facts)
    if born is None:
        return True
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age >= int(facts["minimum_age"])


def _person(value: str, facts: Mapping[str, Any]) -> Result:
    return identifiers.citizen_id(value, date(2999, 12, 31))


def not_after(value: Any, other: Any, facts: Mapping[str, Any]) -> bool:
    """Passes a pair in order."""
    if hasattr(value, "tzinfo") and (value.tzinfo is None) != (other.tzinfo is None):
        return _date_of(value) <= _date_of(other)
    return bool(value <= other)


def present_when(value: Any, other: Any, facts: Mapping[str, Any]) -> bool:
    """Passes a value, or null where the rule does not ask for one."""
    return not _null(value) or not _among(other, facts["when_values"])


def absent_unless(value: Any, other: Any, facts: Mapping[str, Any]) -> bool:
    """Passes null, or a value where the rule allows one."""
    return _null(value) or _among(other, facts["when_values"])


def _among(value: Any, wanted: Any) -> bool:
    return not _null(value) and (value in wanted or str(value) in {str(each) for each in wanted})


def _null(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN and NaT differ from themselves


def _date_of(value: Any) -> date:
    moment = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    if isinstance(moment, datetime):
        return (moment.astimezone(_SHANGHAI) if moment.tzinfo else moment).date()
    return moment if isinstance(moment, date) else date.fromisoformat(str(moment)[:10])
