"""Masking rules as DuckDB expressions, for items that DuckDB reads by itself. They give what schemas/masks.py gives."""

import pyarrow as pa

from schemas.masks import HIDDEN, MASKS, Keep, Replace

_YEARS = range(1850, 2150)


def masked_sql(rule: str, column: str, kind: pa.DataType) -> str:
    """Returns the expression that masks `column` (a quoted name) of Arrow type `kind`; raises KeyError."""
    mask = MASKS[rule]
    if mask.year and (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return _year(f"year({column})")
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return f"CASE WHEN {column} IS NOT NULL THEN '{HIDDEN}' END"
    cases = "".join(f" WHEN {_when(case, column)} THEN {_then(case, column)}" for case in mask.cases)
    return f"CASE WHEN {column} IS NULL THEN NULL{cases} ELSE repeat('*', length({column})) END"


def _year(year: str) -> str:
    """Writes a year in four digits; those of our days are taken from a list, which costs half of writing a number."""
    listed = ", ".join(f"'{each}'" for each in _YEARS)
    text = f"CAST({year} AS VARCHAR)"
    return (
        f"CASE WHEN {year} BETWEEN {_YEARS[0]} AND {_YEARS[-1]} THEN [{listed}][{year} - {_YEARS[0] - 1}]"
        f" WHEN {year} > 999 THEN {text} ELSE lpad({text}, 4, '0') END"
    )


def _when(case: Keep | Replace, column: str) -> str:
    if isinstance(case, Replace):
        return f"regexp_matches({column}, '{case.pattern}')"
    tests = [f"length({column}) >= {case.least}"]
    if case.most is not None:
        tests.append(f"length({column}) <= {case.most}")
    if case.pattern:
        tests.append(f"regexp_matches({column}, '{case.pattern}')")
    return " AND ".join(tests)


def _then(case: Keep | Replace, column: str) -> str:
    if isinstance(case, Replace):
        return f"regexp_replace({column}, '{case.pattern}', '{case.by}')"
    parts = [f"repeat('*', length({column}) - {case.head + case.tail})"]
    if case.head:
        parts.insert(0, f"left({column}, {case.head})")
    if case.tail:
        parts.append(f"right({column}, {case.tail})")
    return f"concat({', '.join(parts)})"
