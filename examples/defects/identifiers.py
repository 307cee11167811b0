"""Defects of citizen numbers, credit codes and licence identifiers, for any column."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from examples.numbers import ID_CHECKS, ID_WEIGHTS, USCC_ALPHABET, one_citizen_id, one_uscc
from examples.people import fifteen, with_birth
from examples.tables import Expected, Kind, Row

FULL_WIDTH = str.maketrans("0123456789Xx", "０１２３４５６７８９Ｘｘ")
DIGITS = "0123456789"

#: What may follow when the value of an item is not one: it is missing, or its row has no key.
FOLLOWS = ("ITEM_MISSING", "KEY_MISSING", "COND_MISSING")
_ID_FOLLOWS = (*FOLLOWS, "ID_BIRTH_MISMATCH", "ID_SEX_MISMATCH", "IDENTIFIER_TYPE")


@dataclass(frozen=True, slots=True)
class IdColumn:
    """A column that holds a citizen number; `birth` and `sex` are the columns that must agree with it, if any."""

    column: str
    item: str
    birth: str | None = None
    birth_item: str | None = None
    sex: str | None = None
    sex_item: str | None = None
    birth_style: str = "{}"
    required: bool = True
    prefix: str = ""

    @property
    def touches(self) -> frozenset[str]:
        """The items that a defect of the number reads or writes."""
        return frozenset(item for item in (self.item, self.birth_item, self.sex_item) if item)

    def is_citizen(self, row: Row) -> bool:
        """Says whether the row holds an 18-digit citizen number."""
        number = row[self.column]
        return bool(number and len(number) == 18 and number[:17].isdigit() and number[0] in "123456")

    def ends_with_x(self, row: Row) -> bool:
        """Says whether the number ends with X."""
        return self.is_citizen(row) and str(row[self.column]).endswith("X")

    def is_old(self, row: Row) -> bool:
        """Says whether the number has a 15-digit form."""
        return self.is_citizen(row) and str(row[self.column])[6:8] == "19"


Change = Callable[[str, Random], str]


def _length(number: str, draw: Random) -> str:
    return draw.choice([number[:17], number[:16], number + draw.choice(DIGITS)])


def _letter(number: str, draw: Random) -> str:
    place = draw.randrange(16)
    return number[:place] + draw.choice("ABCOIL") + number[place + 1 :]


def _wrong_check(number: str, draw: Random) -> str:
    return number[:17] + draw.choice([letter for letter in ID_CHECKS if letter != number[17]])


def _impossible_day(number: str, draw: Random) -> str:
    day = draw.choice(["0230", "0431", "0631", "1131", "1301", "0032", "0010"])
    return with_birth(number, number[6:10] + day)


def _swapped(number: str, draw: Random) -> str:
    """Month 30: the digits of the day stand before those of the month, and the check was never right."""
    broken = number[:10] + draw.choice(["30", "25", "19"]) + number[12:]
    total = sum(int(digit) * weight for digit, weight in zip(broken[:17], ID_WEIGHTS, strict=True))
    return broken[:17] + ("1" if ID_CHECKS[total % 11] != "1" else "2")


def _no_province(number: str, draw: Random) -> str:
    return one_citizen_id(draw.choice(["00", "16", "24", "38", "49", "57", "69", "77", "84"]) + number[2:17])


def _unknown_region(number: str, draw: Random) -> str:
    return one_citizen_id("6204" + draw.choice(["97", "98", "99"]) + number[6:17])


def _masked(number: str, draw: Random) -> str:
    return number[:6] + "********" + number[14:]


def _scientific(number: str, draw: Random) -> str:
    return f"{int(number[:17] + '0'):.14E}".replace("E+", "E+")


def _fifteen_digits_kept(number: str, draw: Random) -> str:
    rounded = number[:15] + "000"
    check = one_citizen_id(rounded[:17])[17]
    return number[:14] + str((int(number[14]) + 1) % 10) + "000" if check == "0" else rounded


def _placeholder(number: str, draw: Random) -> str:
    return draw.choice(["111111111111111111", "无", "不详", "0", "000000000000000000", "999999999999999999"])


def _leap_day_of_1900(number: str, draw: Random) -> str:
    return number[:6] + "000229" + number[14:17]


def id_defects(where: IdColumn) -> list[Kind]:
    """Kinds for one citizen-number column."""
    simple: list[tuple[str, Change, tuple[str, ...], tuple[str, ...]]] = [
        ("id_length", _length, ("ID_LENGTH",), ("ID_CHARSET",)),
        ("id_letter", _letter, ("ID_CHARSET",), ("ID_DATE", "ID_PROVINCE", "ID_CHECK")),
        ("id_check", _wrong_check, ("ID_CHECK",), ()),
        ("id_impossible_day", _impossible_day, ("ID_DATE",), ()),
        ("id_swapped_day", _swapped, ("ID_DATE", "ID_CHECK"), ()),
        ("id_province", _no_province, ("ID_PROVINCE",), ("ID_REGION_UNKNOWN",)),
        ("id_masked", _masked, ("ID_MASKED",), ("ID_CHARSET",)),
        ("id_scientific", _scientific, ("ID_EXCEL_PRECISION_LOSS",), ("ID_LENGTH", "ID_CHARSET", "ID_CHECK")),
        ("id_last_digits_zero", _fifteen_digits_kept, ("ID_EXCEL_PRECISION_LOSS",), ("ID_CHECK",)),
        ("id_15_impossible_day", _leap_day_of_1900, ("ID_DATE",), ()),
    ]
    if where.required:
        simple.append(("id_placeholder", _placeholder, ("ITEM_MISSING",), ("ID_PLACEHOLDER",)))
    kinds = [
        Kind(
            where.prefix + name,
            _replace(where, change),
            tuple(Expected(code, where.item) for code in codes),
            where.touches,
            may=(*may, *_ID_FOLLOWS),
            fits=where.is_citizen,
        )
        for name, change, codes, may in simple
    ]
    kinds.append(_unknown_region_kind(where))
    return kinds + _birth_kinds(where)


def _replace(where: IdColumn, change: Change) -> Callable[[Row, Random, Row], None]:
    def apply(row: Row, draw: Random, before: Row) -> None:
        row[where.column] = change(str(row[where.column]), draw)

    return apply


def _unknown_region_kind(where: IdColumn) -> Kind:
    found = (Expected("ID_REGION_UNKNOWN", where.item),)
    change = _replace(where, _unknown_region)
    return Kind(where.prefix + "id_region_unknown", change, found, where.touches, "flag", fits=where.is_citizen)


def _birth_kinds(where: IdColumn) -> list[Kind]:
    """Kinds that need the birth-date or sex column beside the number."""
    kinds = [_future_birth(where)]
    if where.birth and where.birth_item:
        kinds += [_very_old(where), _birth_mismatch(where)]
    if where.sex and where.sex_item:
        kinds.append(_sex_mismatch(where))
    return kinds


def _future_birth(where: IdColumn) -> Kind:
    def change(row: Row, draw: Random, before: Row) -> None:
        ymd = f"2099{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}"
        row[where.column] = with_birth(str(row[where.column]), ymd)
        if where.birth:
            row[where.birth] = where.birth_style.format(ymd[:4], ymd[4:6], ymd[6:])

    found = [Expected("ID_FUTURE_BIRTH", where.item)]
    if where.birth_item:
        found.append(Expected("DATE_FUTURE", where.birth_item))
    may = ("DATE_ORDER", "AGE_TOO_YOUNG", *_ID_FOLLOWS)
    return Kind(
        where.prefix + "id_future_birth",
        change,
        tuple(found),
        where.touches | {"*dates"},
        may=may,
        fits=where.is_citizen,
    )


def _very_old(where: IdColumn) -> Kind:
    def change(row: Row, draw: Random, before: Row) -> None:
        ymd = f"18{draw.randint(85, 94)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}"
        row[where.column] = with_birth(str(row[where.column]), ymd)
        row[str(where.birth)] = where.birth_style.format(ymd[:4], ymd[4:6], ymd[6:])

    found = (Expected("ID_AGE_OVER_130", where.item),)
    return Kind("id_age_over_130", change, found, where.touches | {"*dates"}, "flag", fits=where.is_citizen)


def _birth_mismatch(where: IdColumn) -> Kind:
    def change(row: Row, draw: Random, before: Row) -> None:
        number = str(row[where.column])
        day = (int(number[12:14]) % 28) + 1
        row[str(where.birth)] = where.birth_style.format(number[6:10], number[10:12], f"{day:02d}")

    found = (Expected("ID_BIRTH_MISMATCH", where.item),)
    return Kind(
        "id_birth_mismatch",
        change,
        found,
        where.touches | {"*dates"},
        may=("DATE_FUTURE", "DATE_ORDER"),
        fits=where.is_citizen,
    )


def _sex_mismatch(where: IdColumn) -> Kind:
    def change(row: Row, draw: Random, before: Row) -> None:
        row[str(where.sex)] = "2" if row[str(where.sex)] == "1" else "1"

    found = (Expected("ID_SEX_MISMATCH", where.item),)
    return Kind("id_sex_mismatch", change, found, where.touches, fits=where.is_citizen)


def id_dirt(where: IdColumn) -> list[Kind]:
    """Harmless writings of a citizen number, all of which normalise to the clean one."""
    styles: list[tuple[str, Change, Callable[[Row], bool]]] = [
        ("id_full_width", lambda number, draw: number.translate(FULL_WIDTH), where.is_citizen),
        ("id_blanks", lambda number, draw: f" {number[:6]} {number[6:14]}\u3000{number[14:]} ", where.is_citizen),
        ("id_hyphens", lambda number, draw: f"{number[:6]}-{number[6:14]}-{number[14:]}", where.is_citizen),
        ("id_text_prefix", lambda number, draw: "'" + number, where.is_citizen),
        ("id_zero_width", lambda number, draw: number[:9] + "\u200b" + number[9:] + "\ufeff", where.is_citizen),
        ("id_lower_x", lambda number, draw: number.lower(), where.ends_with_x),
        ("id_cyrillic_x", lambda number, draw: number[:17] + draw.choice("Хх"), where.ends_with_x),
        ("id_fifteen_digits", lambda number, draw: fifteen(number), where.is_old),
    ]
    return [
        Kind(
            where.prefix + name,
            _replace(where, change),
            (),
            where.touches,
            "normalised",
            fits=fits,
            tidied={where.item: where.column},
        )
        for name, change, fits in styles
    ]


def _uscc_length(code: str, draw: Random) -> str:
    return draw.choice([code[:17], code[:15], code + draw.choice(DIGITS)])


def _uscc_letter(code: str, draw: Random) -> str:
    return code[:10] + draw.choice("IOSVZ") + code[11:]


def _uscc_check(code: str, draw: Random) -> str:
    return code[:17] + draw.choice([letter for letter in USCC_ALPHABET if letter != code[17]])


def _uscc_inner(code: str, draw: Random) -> str:
    wrong = draw.choice([digit for digit in DIGITS if digit != code[16]])
    return one_uscc(code[:16] + wrong)


def _uscc_category(code: str, draw: Random) -> str:
    return one_uscc(draw.choice(["96", "97", "98", "27", "46", "95"]) + code[2:17])


def uscc_defects(column: str, item: str, *, required: bool, also: frozenset[str] = frozenset()) -> list[Kind]:
    """Kinds for one credit-code column, named after its item; `also` names items that depend on it."""
    styles: list[tuple[str, Change, str, str]] = [
        ("length", _uscc_length, "USCC_LENGTH", "quarantine"),
        ("letter", _uscc_letter, "USCC_CHARSET", "quarantine"),
        ("check", _uscc_check, "USCC_CHECK", "quarantine"),
        ("inner_check", _uscc_inner, "USCC_ORG_CHECK", "flag"),
        ("category", _uscc_category, "USCC_CATEGORY", "flag"),
    ]
    kinds = []
    for name, style, code, fate in styles:
        may = FOLLOWS if fate == "quarantine" else ()
        kinds.append(
            Kind(
                f"{item}_{name}",
                on(column, style),
                (Expected(code, item),),
                also | {item},
                fate,
                may,
                holds_uscc(column),
            )
        )
    if required:
        found = (Expected("ITEM_MISSING", item),)
        change = on(column, lambda code, draw: draw.choice(["无", "N/A", "0", "000000000000000000"]))
        kinds.append(Kind(f"{item}_placeholder", change, found, also | {item}, may=("USCC_PLACEHOLDER", "KEY_MISSING")))
    return kinds


def uscc_dirt(column: str, item: str) -> list[Kind]:
    """Harmless writings of a credit code."""
    wide = {ord("0") + place: "０１２３４５６７８９"[place] for place in range(10)}
    styles: list[tuple[str, Change]] = [
        ("lower", lambda code, draw: code.lower()),
        ("full_width", lambda code, draw: code.translate(wide)),
        ("blanks", lambda code, draw: f"\u00a0{code[:8]} {code[8:]}\u3000"),
    ]
    return [
        Kind(
            f"{item}_{name}",
            on(column, style),
            (),
            frozenset({item}),
            "normalised",
            fits=holds_uscc(column),
            tidied={item: column},
        )
        for name, style in styles
    ]


def holds_uscc(column: str) -> Callable[[Row], bool]:
    """Says whether the row's column holds a credit code."""
    return lambda row: len(row[column] or "") == 18 and str(row[column])[8:10] == "XX"


def on(column: str, style: Change) -> Callable[[Row, Random, Row], None]:
    """Applies a change of text to one column."""

    def apply(row: Row, draw: Random, before: Row) -> None:
        row[column] = style(str(row[column]), draw)

    return apply
