"""Defects of texts, codes, dates, numbers, telephones and whole rows, for any column."""

from collections.abc import Callable
from random import Random

from examples.defects.identifiers import FOLLOWS, FULL_WIDTH, on
from examples.tables import LINE, Expected, Kind, Row

NULL_TOKENS = ("N/A", "NULL", "\\N", "null")


def put(column: str, *values: str | None) -> Callable[[Row, Random, Row], None]:
    """Puts one of `values` into a column."""

    def apply(row: Row, draw: Random, before: Row) -> None:
        row[column] = draw.choice(values)

    return apply


def kind(name: str, change: Callable[[Row, Random, Row], None], code: str, item: str, **rest: object) -> Kind:
    """Makes a kind with one finding on one item that touches nothing else."""
    touches = frozenset({item}) | frozenset(rest.pop("also", ()))  # type: ignore[call-overload]
    return Kind(name, change, (Expected(code, item),), touches, **rest)  # type: ignore[arg-type]


def present(column: str) -> Callable[[Row], bool]:
    """Says whether the row's column holds a value."""
    return lambda row: bool(row[column])


def missing(column: str, item: str) -> list[Kind]:
    """A required item that is not there: nothing, blanks, or a word that means nothing."""
    may = ("KEY_MISSING", "COND_UNEXPECTED")
    return [
        kind(f"{item}_null", put(column, None), "ITEM_MISSING", item, may=may),
        kind(f"{item}_blank", put(column, "   ", "\u3000", "\t"), "ITEM_MISSING", item, may=may),
        kind(f"{item}_null_token", put(column, *NULL_TOKENS), "ITEM_MISSING", item, may=may),
    ]


def damaged(column: str, item: str, *, control: bool = True) -> list[Kind]:
    """Texts that went through the wrong character set."""
    styles: list[tuple[str, Callable[[str, Random], str]]] = [
        ("replacement", lambda text, draw: text[:1] + "\ufffd" * draw.randint(1, 3)),
        ("kuntao", lambda text, draw: "锟斤拷" * draw.randint(1, 2) + text[2:]),
        ("latin", lambda text, draw: text.encode().decode("latin-1")),
    ]
    kinds = [
        kind(
            f"{item}_mojibake_{name}",
            on(column, style),
            "TEXT_MOJIBAKE",
            item,
            fits=_han(column),
            may=("TEXT_CONTROL",),
        )
        for name, style in styles
    ]
    if control:
        change = on(column, lambda text, draw: text[:1] + draw.choice("\x07\x1b\x02") + text[1:])
        kinds.append(kind(f"{item}_control", change, "TEXT_CONTROL", item, disposition="flag", fits=present(column)))
    return kinds


def _han(column: str) -> Callable[[Row], bool]:
    def fits(row: Row) -> bool:
        text = row[column]
        return bool(text) and len(str(text)) > 1 and all("\u4e00" <= letter <= "\u9fff" for letter in str(text)[:2])

    return fits


def too_long(column: str, item: str, length: int) -> Kind:
    """A text beyond its declared length."""

    def change(row: Row, draw: Random, before: Row) -> None:
        seed = row[column] or "长"
        row[column] = (seed * (length // len(seed) + 2))[: length + draw.randint(1, 9)]

    return kind(f"{item}_too_long", change, "ITEM_TOO_LONG", item)


def bad_code(column: str, item: str, *values: str, may: tuple[str, ...] = ()) -> Kind:
    """A code that its code set does not hold."""
    return kind(f"{item}_unknown", put(column, *values), "CODE_UNKNOWN", item, may=may)


def bad_region(column: str, item: str, *values: str) -> Kind:
    """A region code that never was."""
    return kind(f"{item}_unknown", put(column, *values), "REGION_UNKNOWN", item, may=("CODE_UNKNOWN",))


def bad_date(column: str, item: str, *, also: tuple[str, ...] = ()) -> list[Kind]:
    """A date that no calendar holds, or that is no date at all."""
    may = (*FOLLOWS, "ID_BIRTH_MISMATCH")
    return [
        kind(
            f"{item}_impossible",
            put(column, "20230230", "2023-02-30", "2021/13/1", "19990431"),
            "DATE_FORMAT",
            item,
            also=also,
            may=may,
        ),
        kind(
            f"{item}_words",
            put(column, "去年冬天", "1990年", "约80年代", "2020-??-01"),
            "DATE_FORMAT",
            item,
            also=also,
            may=may,
        ),
    ]


def future_date(column: str, item: str, *, also: tuple[str, ...] = (), may: tuple[str, ...] = ()) -> Kind:
    """A date that has not come yet."""
    change = put(column, "2035-01-01", "20351231", "2041/6/8")
    return kind(f"{item}_future", change, "DATE_FUTURE", item, also=also, may=may)


def bad_mobile(column: str, item: str) -> list[Kind]:
    """Mobile numbers of the wrong length or range."""
    return [
        kind(f"{item}_length", put(column, "1609999", "160000000001", "16"), "MOBILE_FORMAT", item),
        kind(f"{item}_range", put(column, "12600000001", "26000000001", "11000000000"), "MOBILE_FORMAT", item),
        kind(f"{item}_letters", put(column, "1600000000l", "160-OOOO-0001"), "MOBILE_FORMAT", item),
    ]


def ragged_lines() -> list[Kind]:
    """Lines of a text file that do not have the header's columns, or bytes that no character set gives."""
    every = frozenset({"*"})
    return [
        Kind("line_short", put(LINE, "short"), (Expected("ROW_RAGGED"),), every, may=("*",), alone=True),
        Kind("line_long", put(LINE, "long"), (Expected("ROW_RAGGED"),), every, may=("*",), alone=True),
        Kind("line_undecodable", put(LINE, "bytes"), (Expected("ROW_ENCODING"),), every, may=("*",), alone=True),
    ]


def repeats(key: str, other: str, value: str, *, older: str | None = None) -> list[Kind]:
    """Rows that come twice: the same (a duplicate), or under one key with different content (a conflict).

    `key` is the source column of the row key, `other` a column that makes the contents differ. With `older` (the
    column that orders rows) the row that comes later in time stays.
    """
    every = frozenset({"*"})

    def same(row: Row, draw: Random, before: Row) -> None:
        row.update(before)

    def same_but_untidy(row: Row, draw: Random, before: Row) -> None:
        row.update(before)
        row[key] = f" {before[key]}\u3000"

    def conflict(row: Row, draw: Random, before: Row) -> None:
        row.update(before)
        row[other] = value

    def older_row(row: Row, draw: Random, before: Row) -> None:
        row.update(before)
        row[other] = value
        row[str(older)] = "2024-03-01 08:00:00"

    found = (Expected("KEY_CONFLICT"),)
    kinds = [
        Kind("duplicate", same, (), every, "duplicate", alone=True, pair=True),
        Kind("duplicate_untidy", same_but_untidy, (), every, "duplicate", alone=True, pair=True),
        Kind("key_conflict", conflict, found, every, alone=True, pair=True, may=("ID_DUPLICATE_PERSON",)),
    ]
    if older:
        kinds.append(Kind("older_row", older_row, (), every, "duplicate", alone=True, pair=True))
    return kinds


def tidy_text(column: str, item: str) -> list[Kind]:
    """Blanks and invisible characters around a text."""
    return [
        Kind(
            f"{item}_blanks",
            on(column, lambda text, draw: f" {text}\u3000"),
            (),
            frozenset({item}),
            "normalised",
            fits=present(column),
            tidied={item: column},
        ),
        Kind(
            f"{item}_invisible",
            on(column, lambda text, draw: f"\ufeff{text}\u200b"),
            (),
            frozenset({item}),
            "normalised",
            fits=present(column),
            tidied={item: column},
        ),
    ]


def tidy_date(column: str, item: str) -> list[Kind]:
    """Other writings of the same day; the clean rows write `YYYYMMDD` or `YYYY-MM-DD`."""

    def parts(text: str) -> tuple[int, int, int]:
        plain = text.replace("-", "")
        return int(plain[:4]), int(plain[4:6]), int(plain[6:8])

    styles: list[tuple[str, Callable[[str, Random], str]]] = [
        ("short", lambda text, draw: "{}-{}-{}".format(*parts(text))),
        ("slashes", lambda text, draw: "{}/{}/{}".format(*parts(text))),
        ("full_width", lambda text, draw: text.translate(FULL_WIDTH)),
        ("blanks", lambda text, draw: f" {text} "),
    ]

    def fits(row: Row) -> bool:
        text = (row[column] or "").replace("-", "")
        return len(text) == 8 and text.isdigit() and text < "2100"

    return [
        Kind(f"{item}_{name}", on(column, style), (), frozenset({item}), "normalised", fits=fits, tidied={item: column})
        for name, style in styles
    ]


def tidy_code(column: str, item: str) -> Kind:
    """A code with blanks or in full-width digits."""

    def style(text: str, draw: Random) -> str:
        return draw.choice([f" {text}", f"{text}\u3000", text.translate(FULL_WIDTH)])

    return Kind(
        f"{item}_untidy",
        on(column, style),
        (),
        frozenset({item}),
        "normalised",
        fits=present(column),
        tidied={item: column},
    )


def tidy_mobile(column: str, item: str) -> Kind:
    """A mobile number in full-width digits or with blanks."""

    def style(text: str, draw: Random) -> str:
        return draw.choice([text.translate(FULL_WIDTH), f" {text}", f"{text}\u3000"])

    return Kind(
        f"{item}_untidy",
        on(column, style),
        (),
        frozenset({item}),
        "normalised",
        fits=present(column),
        tidied={item: column},
    )
