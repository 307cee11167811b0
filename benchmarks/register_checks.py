"""The real registers looked at without the hub: records, credit codes and capital, each by a reading of its own."""

import csv
import gzip
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "legal_entities"
PROVINCES = ("gansu", "hebei", "henan", "liaoning", "yunnan")
NAME, CODE, CAPITAL = "企业名称", "统一社会信用代码", "注册资金"

_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CURRENCIES = {
    "人民币": "CNY", "美元": "USD", "日元": "JPY", "港币": "HKD", "香港元": "HKD", "港元": "HKD", "欧元": "EUR",
    "英镑": "GBP", "法国法郎": "FRF", "德国马克": "DEM", "瑞士法郎": "CHF", "澳大利亚元": "AUD", "加拿大元": "CAD",
    "新加坡元": "SGD", "台湾元": "TWD", "新台币": "TWD", "韩元": "KRW",
}  # fmt: skip
_NAMES = "|".join(sorted(_CURRENCIES, key=len, reverse=True))
_CAPITAL = re.compile(rf"([0-9]+|[0-9]{{1,3}}(?:,[0-9]{{3}})+)(\.[0-9]+)?\(?(万)?(元)?({_NAMES})?(元)?\)?")
#: A number, however long, and the text around it.
_NUMBER = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
NOTHING = frozenset({"", "N/A", "无", "NULL"})


def records(path: Path) -> tuple[list[str], list[list[str]]]:
    """Reads header and records by the standard csv module."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return header, rows


def lines(path: Path) -> int:
    """Counts the lines behind the header that are not empty: what a record is when no field holds a line break."""
    return sum(1 for line in gzip.decompress(path.read_bytes()).split(b"\n")[1:] if line.strip())


def whole(path: Path) -> Iterator[dict[str, str]]:
    """Yields the records that have the header's number of fields."""
    header, rows = records(path)
    return (dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header))


def valid_uscc(code: str) -> bool:
    """Says by the words of GB 32100 whether a code's characters and its check character are right."""
    code = code.strip().upper()
    if len(code) != 18 or any(letter not in _LETTERS for letter in code):
        return False
    total = sum(_LETTERS.index(letter) * 3**place for place, letter in enumerate(code[:17]))
    return _LETTERS.index(code[17]) == -total % 31


def capital(text: str) -> tuple[Decimal | None, str | None]:
    """Says what a capital text means: amount in 万元 where a unit is written, currency where one is said."""
    said = _CAPITAL.fullmatch("".join(text.split()).replace("（", "(").replace("）", ")"))
    if said is None:
        return None, None
    number = Decimal(said[1].replace(",", "") + (said[2] or ""))
    yuan = said[4] or said[6] or (said[5] or "").endswith("元")
    currency = _CURRENCIES[said[5]] if said[5] else "CNY" if yuan else None
    return (number if said[3] else number / 10_000 if yuan else None), currency


def shape(text: str) -> str:
    """Writes a capital text with 9 for its numbers; a text that is no capital is named, since it may say anything."""
    if text in NOTHING:
        return text
    return _NUMBER.sub("9", text) if _CAPITAL.fullmatch(text) else "other text"
