"""Writes docs/real-data.md from what became of the registers: counts, shapes and reasons, never a row or a name."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.real_registers import Register

_TOP = 40
_HEAD = """# The real registers

Five provinces' company registers ({total:,} records as a public source has them, `../shared/data/legal_entities`), one
entry each by `tests/contracts/legal_entity_register.yaml`, read from `.csv.gz`. Written by

    python -m benchmarks.real_registers

and held by `tests/e2e/test_real_registers.py`. A record is what the standard csv module reads; no quoted field holds a
line break, so it is also a line. Every record is accounted for: rows = accepted + rejected + duplicates. A second sync
of each finds everything unchanged and makes no version.

## What became of the records

"""
_REJECTED = """
A rejected row can have several findings. Looked at from outside, by the record as the csv module reads it and by a
recomputation of GB 32100:

"""
_DIRT = """
- **ragged line**: the line has more fields than the header (a comma in a text that no quotes hold), so its values
  cannot be told apart. Its bytes are in quarantine. These are the only rows with a right code that are kept back.
- **code in another column**: the line has ten fields in another order (the address stands where the code belongs), and
  its text was broken by an earlier system. What stands in the code's column is no code: `USCC_CHARSET`, mostly
  `USCC_LENGTH`, with `DATE_FORMAT` for the words in the date's column and `TEXT_MOJIBAKE`.
- **no right code**: the check character is wrong by GB 32100: `USCC_CHECK`.

No row is rejected for a credit code that is right, and no published row has one that is wrong: checked by a literal
recomputation of GB 32100 and, in the test, by python-stdnum; blanks at the ends and lower case do not count. Duplicates
are records equal in every item. A code that comes twice with different content would be `KEY_CONFLICT`; there is none.

Published rows carry flags: `USCC_REGION` (a region that no edition of GB/T 2260 has: the registering offices of
development zones write codes of their own), `USCC_ORG_CHECK` (older codes with a wrong inner check character),
`TEXT_MOJIBAKE` (U+FFFD or private-use characters in a name, scope or address), `TEXT_CONTROL`, and two about capital.

"""
_CAPITAL = """
## Registered capital

The text of 注册资金 becomes an amount in 万元 and a currency of GB/T 12406 where the text allows it, and is flagged
where it does not: `CAPITAL_UNIT` when unit or currency is not written, `CAPITAL_FORMAT` when it is no amount of money.
A second reading by one regular expression of its own compares amount, currency and flag of every published row:
{compared:,} rows, {contradicted} differences. Shapes, with 9 for a number:

"""
_LAST = """
`9(万)` keeps its amount and has no currency. `9()` and `9` have neither: 万元 could be guessed, but a text in 元 would
then be ten thousand times too large. 元 alone is the yuan; beside the name of a currency, as in `万元美元`, it is that
currency's unit. Other text is the scope of business in the wrong column.
"""


def document(found: Sequence["Register"]) -> str:
    """Writes the whole document."""
    total = sum(register.run.extracted for register in found)
    compared = sum(register.shapes.total() for register in found)
    contradicted = sum(register.contradicted.total() for register in found)
    return "".join(
        [
            _HEAD.format(total=total),
            _outcome(found),
            "\n## Rejected, by finding\n\n",
            _counted("finding", found, lambda register: register.rejected),
            _REJECTED,
            _counted("what is wrong", found, lambda register: register.reasons),
            _DIRT,
            _counted("flag", found, lambda register: register.flags),
            _CAPITAL.format(compared=compared, contradicted=contradicted),
            _shapes(found),
            _LAST,
        ]
    )


def _outcome(found: Sequence["Register"]) -> str:
    rows = []
    for register in found:
        run = register.run
        no_capital = sum(rows for (_, said), rows in register.shapes.items() if said == "none")
        flagged = sum(rows for (_, said), rows in register.shapes.items() if "CAPITAL" in said)
        parsed = register.shapes.total() - no_capital - flagged
        seconds = [round(sum(each.seconds.values()), 1) for each in (run, register.again)]
        rows.append(
            [
                *(register.province, run.extracted, run.accepted, run.quarantined, run.duplicates),
                *(parsed, flagged, no_capital, *seconds),
            ]
        )
    totals = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
    head = ["register", "rows", "accepted", "rejected", "duplicates", "capital read", "capital flagged", "no capital"]
    return _table(
        [*head, "seconds", "second sync"], [*rows, ["all", *totals[:-2], *(round(t, 1) for t in totals[-2:])]]
    )


def _counted(title: str, found: Sequence["Register"], counts: "Callable[[Register], Counter[str]]") -> str:
    names = Counter[str]()
    for register in found:
        names.update(counts(register))
    rows = [[f"`{name}`" if name.isupper() else name, *(counts(each)[name] for each in found), total]
            for name, total in names.most_common()]  # fmt: skip
    return _table([title, *(register.province for register in found), "all"], rows)


def _shapes(found: Sequence["Register"]) -> str:
    shapes = Counter[tuple[str, str]]()
    for register in found:
        shapes.update(register.shapes)
    rows = [
        [shape if shape == "other text" else f"`{shape}`", rows, said]
        for (shape, said), rows in shapes.most_common(_TOP)
    ]
    return _table(["shape", "rows", "read as"], rows)


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [_line(head), _line(["---"] + ["---:"] * (len(head) - 1)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells) + " |"
