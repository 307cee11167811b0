"""Region facts that identifiers need: province prefixes and the GB/T 2260 history. Reads the code sets only."""

from dataclasses import dataclass
from functools import cache

from schemas.codes import code_set

#: GB/T 2260. 81, 82, 83 are residence permits only.
PROVINCES = frozenset(
    str(number)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71))
    for number in range(first, last + 1)
)

#: Provinces that issue permanent-residence cards: the mainland's (the 2023 form).
ISSUING_PROVINCES = PROVINCES - {"71"}


@dataclass(frozen=True, slots=True)
class Region:
    """The life of one division code; `first` None: in the oldest edition; `last` None: in force."""

    first: int | None
    last: int | None


@cache
def regions() -> dict[str, Region]:
    """Maps every division code that any edition of GB/T 2260 held to its life."""
    rows = code_set("gbt2260_any").rows
    return {row["code"]: Region(_year(row["first"]), _year(row["last"])) for row in rows}


@cache
def country_numbers() -> frozenset[str]:
    """Returns the numeric country codes of GB/T 2659."""
    return frozenset(row["numeric"] for row in code_set("gb_t_2659").rows)


@cache
def country_letters() -> frozenset[str]:
    """Returns the alpha-3 country codes of GB/T 2659."""
    return frozenset(code_set("gb_t_2659").codes)


def _year(text: str) -> int | None:
    return int(text) if text else None
