"""The identifier checks over whole Arrow arrays: numpy for clean cells, the scalar functions for all others.

Must agree with the scalar functions on every cell. Takes string arrays or chunked arrays; never raises for a value.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.identifiers import by_type, citizen, credit, licence, registration
from schemas.identifiers.matrix import Mask, Rows, cells
from schemas.identifiers.result import Result, severities
from schemas.identifiers.vectorised_citizen import citizen_block, damaged_citizens, upgrade_block
from schemas.identifiers.vectorised_codes import (
    damaged_usccs,
    licence_blocks,
    org_block,
    other_documents,
    registration_block,
    uscc_block,
)
from schemas.identifiers.workings import Workings, work_in_blocks

Strings: TypeAlias = "pa.StringArray | pa.LargeStringArray | pa.ChunkedArray[pa.StringScalar]"

#: Below this many unclean cells the second, cleaned pass costs more than it saves.
FEW = 64


@dataclass(frozen=True)
class Checked:
    """What the check of an array found, row by row.

    `findings` holds a mask for each code that occurs. A finding has the severity of its list, except in the rows of
    `escalated`, where it is an error. `errors` are the rows with at least one error.
    """

    normalised: pa.StringArray
    doc_type: pa.StringArray
    findings: dict[str, Mask]
    escalated: dict[str, Mask]
    errors: Mask


@dataclass(frozen=True)
class CitizenFacts:
    """What citizen-style numbers tell: date of birth and sex (GB/T 2261.1); null where a number does not tell."""

    birth_date: pa.Date32Array
    sex: pa.StringArray


def citizen_ids(array: Strings, data_date: date | None = None) -> Checked:
    """Checks citizen IDs and citizen-style numbers of every kind, as `citizen_id` does."""
    today = data_date or datetime.now(ZoneInfo("Asia/Shanghai")).date()

    def fast(found: Workings) -> None:
        work_in_blocks(found, 18, lambda rows, matrix: citizen_block(found, rows, matrix, today))
        work_in_blocks(found, 15, lambda rows, matrix: upgrade_block(found, rows, matrix, today))
        damaged_citizens(found)

    return _check(array, fast, lambda value: citizen.citizen_id(value, today))


def usccs(array: Strings, exceptions: AbstractSet[str] = frozenset()) -> Checked:
    """Checks unified social credit codes, as `uscc` does."""

    def fast(found: Workings) -> None:
        work_in_blocks(found, 18, lambda rows, matrix: uscc_block(found, rows, matrix, exceptions))
        damaged_usccs(found)

    return _check(array, fast, lambda value: credit.uscc(value, exceptions))


def org_codes(array: Strings) -> Checked:
    """Checks organisation codes, as `org_code` does."""

    def fast(found: Workings) -> None:
        work_in_blocks(found, 9, lambda rows, matrix: org_block(found, rows, matrix))

    return _check(array, fast, credit.org_code)


def registration_numbers(array: Strings) -> Checked:
    """Checks business registration numbers, as `registration_number` does."""

    def fast(found: Workings) -> None:
        work_in_blocks(found, 15, lambda rows, matrix: registration_block(found, rows, matrix))

    return _check(array, fast, registration.registration_number)


def licence_ids(array: Strings) -> Checked:
    """Checks electronic licence identifiers, as `licence_id` does."""
    return _check(array, licence_blocks, licence.licence_id)


def identifiers_of_type(
    types: Strings, values: Strings, data_date: date | None = None, exceptions: AbstractSet[str] = frozenset()
) -> Checked:
    """Checks each value as the document type beside it says, as `identifier_of_type` does."""
    type_list = _plain(types).dictionary_encode()
    codes = [(code or "").strip() for code in type_list.dictionary.to_pylist()]
    indices = type_list.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
    groups: dict[str, list[int]] = {}
    for index, code in enumerate([*codes, ""]):
        groups.setdefault(code, []).append(index)
    plain = _plain(values)
    parts: list[tuple[Rows, Checked]] = []
    for code, members in groups.items():
        rows = np.flatnonzero(np.isin(indices, members)) if len(groups) > 1 else np.arange(len(plain))
        if len(rows):
            part = plain if len(rows) == len(plain) else plain.take(rows)
            parts.append((rows, _of_one_type(code, part, data_date, exceptions)))
    return _together(parts, len(plain))


def citizen_facts(array: Strings) -> CitizenFacts:
    """Reads date of birth and sex from citizen-style numbers, as given by `citizen_id`."""
    plain = _plain(array)
    days = np.full(len(plain), np.datetime64("NaT"), dtype="datetime64[D]")
    sexes = np.zeros(len(plain), dtype=np.int8)
    found = Workings(plain, cells(plain))
    found.days, found.sexes = days, sexes
    ever = date(2999, 12, 31)
    work_in_blocks(found, 18, lambda rows, matrix: citizen_block(found, rows, matrix, ever))
    for row in np.flatnonzero(found.todo):
        result = citizen.citizen_id(plain[int(row)].as_py(), ever)
        days[row] = np.datetime64(result.birth_date or "NaT", "D")
        sexes[row] = int(result.sex or 0)
    names = pa.array([None, "1", "2"], pa.string())
    return CitizenFacts(pa.array(days, pa.date32()), names.take(sexes))


def _plain(array: Strings) -> pa.StringArray:
    whole: Any = array
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return cast("pa.StringArray", whole if pa.types.is_string(whole.type) else whole.cast(pa.string()))


def _check(array: Strings, fast: Callable[[Workings], None], slow: Callable[[object], Result]) -> Checked:
    plain = _plain(array)
    found = Workings(plain, cells(plain))
    fast(found)
    rows = np.flatnonzero(found.todo)
    if len(rows) > FEW:
        # Whole columns come in lower case or padded; trimming here gives what the scalar cleaning would.
        trimmed = pc.ascii_upper(pc.ascii_trim_whitespace(plain.take(rows)))
        inner = Workings(trimmed, cells(trimmed))
        fast(inner)
        found.adopt(rows, inner)
        rows = np.flatnonzero(found.todo)
    _slowly(found, rows, slow)
    return _checked(found)


def _slowly(found: Workings, rows: Rows, slow: Callable[[object], Result]) -> None:
    """Runs the scalar check on the rows, once for each distinct value."""
    seen: dict[object, Result] = {}
    values = found.array.take(rows).to_pylist()
    normalised: list[str | None] = []
    for row, value in zip(rows.tolist(), values, strict=True):
        result = seen.get(value)
        if result is None:
            result = seen[value] = slow(value)
        found.record(row, result)
        normalised.append(result.normalised)
    if normalised:
        found.replace(rows, pa.array(normalised, pa.string()))


def _checked(found: Workings) -> Checked:
    listed = severities()
    errors = np.zeros(len(found.array), dtype=np.bool_)
    for code, mask in found.findings.items():
        if listed[code] == "error":
            errors |= mask
    for mask in found.escalated.values():
        errors |= mask
    return Checked(found.normalised(), found.doc_types(), found.findings, found.escalated, errors)


def _of_one_type(code: str, values: pa.StringArray, data_date: date | None, exceptions: AbstractSet[str]) -> Checked:
    if code == "001":
        return usccs(values, exceptions)
    if code not in by_type.CITIZEN_KINDS:
        slow = partial(by_type.identifier_of_type, code)
        return _check(values, lambda found: other_documents(found, code), slow)
    checked = citizen_ids(values, data_date)
    belongs = pc.is_in(checked.doc_type, value_set=pa.array([code, None], pa.string()))
    other = ~belongs.to_numpy(zero_copy_only=False)
    if other.any():
        checked.findings["IDENTIFIER_TYPE"] = other
        np.logical_or(checked.errors, other, out=checked.errors)
    return checked


def _together(parts: list[tuple[Rows, Checked]], length: int) -> Checked:
    if len(parts) == 1:
        return parts[0][1]
    empty = pa.array([], pa.string())
    order = np.concatenate([rows for rows, _ in parts]) if parts else np.zeros(0, dtype=np.int64)
    back = np.argsort(order, kind="stable")
    whole = Checked(
        pa.concat_arrays([empty, *(part.normalised for _, part in parts)]).take(back),
        pa.concat_arrays([empty, *(part.doc_type for _, part in parts)]).take(back),
        {},
        {},
        np.zeros(length, dtype=np.bool_),
    )
    for rows, part in parts:
        whole.errors[rows] = part.errors
        for target, source in ((whole.findings, part.findings), (whole.escalated, part.escalated)):
            for code, mask in source.items():
                target.setdefault(code, np.zeros(length, dtype=np.bool_))[rows] = mask
    return whole
