"""The checks over Arrow arrays agree with the scalar checks on every cell."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identifiers import citizen_id, identifier_of_type, licence_id, org_code, registration_number, uscc
from schemas.identifiers import vectorised as arrays
from schemas.identifiers.result import severities
from tests.schemas import identifier_strategies as some
from tests.schemas.test_identifiers_vectors import CITIZENS, LICENCE, LICENCES, USCCS

PILOT = "91620400XX00A0013N"  # wrong check character, as the early pilot codes have

KINDS = {
    "citizen": (
        lambda value: citizen_id(value, some.TODAY),
        lambda array: arrays.citizen_ids(array, some.TODAY),
        some.citizens() | some.permits() | some.citizens().map(lambda value: value[:6] + value[8:17]),
    ),
    "uscc": (
        lambda value: uscc(value, {PILOT}),
        lambda array: arrays.usccs(array, {PILOT}),
        some.usccs() | st.sampled_from([PILOT, "9X620400XX00A0013Y", "96620400XX00A00136", "91100000XX00A0013K"]),
    ),
    "org_code": (org_code, arrays.org_codes, some.org_codes()),
    "registration_number": (registration_number, arrays.registration_numbers, some.registration_numbers()),
    "licence_id": (licence_id, arrays.licence_ids, some.licence_ids()),
}


def assert_agree(values, checked, results):
    """Compares an array check with the scalar results cell by cell."""
    assert checked.normalised.to_pylist() == [result.normalised for result in results]
    assert checked.doc_type.to_pylist() == [result.doc_type for result in results]
    assert checked.errors.tolist() == [any(f.severity == "error" for f in result.findings) for result in results]
    for row, result in enumerate(results):
        assert {code for code, mask in checked.findings.items() if mask[row]} == set(result.codes()), values[row]
        raised = {f.code for f in result.findings if f.severity == "error" and severities()[f.code] != "error"}
        assert {code for code, mask in checked.escalated.items() if mask[row]} == raised


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_array_check_agrees_with_scalar(kind, data):
    """Normalised value, document type, findings and errors are the same for every cell, clean, damaged or null."""
    scalar, array, values = KINDS[kind]
    column = data.draw(some.columns(values))
    assert_agree(column, array(pa.array(column, pa.string())), [scalar(value) for value in column])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["001", "111", "551", "552", "553", "414", "516", "511", "099", " 111 ", "", None, "zz"]),
            some.mixed(
                some.citizens()
                | some.permits()
                | some.usccs()
                | st.sampled_from(["E12345678", "H12345678", "12345678"])
            ),
        ),
        max_size=60,
    )
)
def test_array_check_by_type_agrees_with_scalar(rows):
    """A column of document types beside the values gives what the scalar check gives row by row."""
    types, values = [row[0] for row in rows], [row[1] for row in rows]
    checked = arrays.identifiers_of_type(pa.array(types, pa.string()), pa.array(values, pa.string()), some.TODAY)
    assert_agree(values, checked, [identifier_of_type(*row, some.TODAY) for row in rows])


@settings(max_examples=100, deadline=None)
@given(some.columns(some.citizens() | some.permits() | some.citizens().map(lambda value: value[:6] + value[8:17])))
def test_array_facts_agree_with_scalar(column):
    """Birth dates and sexes read from an array are those of the scalar results."""
    facts = arrays.citizen_facts(pa.array(column, pa.string()))
    results = [citizen_id(value, some.TODAY) for value in column]
    assert facts.birth_date.to_pylist() == [result.birth_date for result in results]
    assert facts.sex.to_pylist() == [result.sex for result in results]


@pytest.mark.parametrize("kind", KINDS)
def test_slices_chunks_and_large_strings(kind):
    """A slice, a chunked array, large strings and a column of nulls are read right."""
    scalar, array, _ = KINDS[kind]
    column = ["620402199003079879", None, "91620400XX00A0013M", "XX000006X", "620400000990012", "junk", "", None]
    results = [scalar(value) for value in column]
    whole = pa.array(column, pa.string())
    assert_agree(column[2:7], array(whole.slice(2, 5)), results[2:7])
    assert_agree(column, array(pa.chunked_array([whole.slice(0, 3), whole.slice(3)])), results)
    assert_agree(column, array(pa.array(column, pa.large_string())), results)
    assert_agree([], array(pa.chunked_array([], pa.string())), [])
    assert_agree([None], array(pa.array([None], pa.string())), [scalar(None)])


def test_blocks_larger_than_one_are_joined():
    """Rows beyond the first block get their own findings."""
    column = ["620402199003079879"] * 40_000 + ["620402199003079878"] + ["620402900307987"]
    checked = arrays.citizen_ids(pa.array(column), some.TODAY)
    assert np.flatnonzero(checked.errors).tolist() == [40_000]
    assert checked.normalised[-1].as_py() == "620402199003079879"


def test_clean_array_is_not_copied():
    """An array in which nothing changes is returned as it is."""
    column = pa.array(["620402199003079879"] * 3)
    assert arrays.citizen_ids(column, some.TODAY).normalised is column


BODIES = [
    "6204021990030799",
    "1001011899123199",
    "6204021799123199",
    "6204022100010199",
    "6204022026112299",
    "6204022026112399",
]
EDGES = {
    "citizen": [
        *(value for value, _, _, _ in CITIZENS),
        *(f"620402900307{sequence}" for sequence in ("994", "995", "996", "997", "998", "999")),
        *(f"620402199003{tail}" for tail in ("078000", "078100", "078010", "079000")),
        *(f"{body}{digit}{check}" for body in BODIES for digit in "12" for check in "0123456789X"),
        *("810000900307987", "810001199504129935", "840000199504129935", "710000199504129935", "9" * 17 + "8"),
        *("6204021990030798", "6204021990030798790", "62040219900307987X9", "6204*", "*", "6.2E+17", "1.E+3"),
    ],
    "uscc": [
        *(value for value, _, _ in USCCS),
        *(f"{first}{second}100000XX00A0013K" for first in "0123456789ANYB" for second in "0123456789A"),
        *(
            "91A00000XX00A0013K",
            "9100000AXX00A0013K",
            "910000",
            "62040000099001",
            "NULL",
            "1" * 17,
            "1" * 18,
            "1" * 18 + "0",
        ),
    ],
    "org_code": ["XX000006X", "XX0000190", "XX000006-X", "XX0000060", "XX000006A", "000000000", "111111111"],
    "registration_number": ["620400000990012", "620400000990013", "62040000099001A", "1" * 15, "0" * 15],
    "licence_id": [
        *(value for value, _ in LICENCES),
        *(f"{LICENCE}.{version}.{check}" for version in ("000", "001", "01A") for check in "NML-"),
        *(LICENCES[0][0].replace("11620400", other) for other in ("1162040A", "01620400", "10620400", "I1620400")),
        *(
            LICENCES[0][0].replace("2026000001", other)
            for other in ("", "1", "9" * 32, "9" * 33, "20.6000001", "202600000a")
        ),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_array_check_agrees_on_every_edge(kind):
    """Each vector and each value beside a boundary is judged alike, alone and in a long column."""
    scalar, array, _ = KINDS[kind]
    column = EDGES[kind]
    results = [scalar(value) for value in column]
    for repeats in (1, 40):
        checked = array(pa.array(column * repeats, pa.string()))
        assert_agree(column * repeats, checked, results * repeats)


def test_bytes_under_a_null_are_not_read():
    """A null cell whose slot still holds bytes stays null without a finding."""
    text = "620402199003079878" * 2
    offsets = np.array([0, 18, 36], dtype=np.int32)
    buffers = [pa.py_buffer(bytes([0b10])), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.encode())]
    column = pa.Array.from_buffers(pa.string(), 2, buffers)
    checked = arrays.citizen_ids(column, some.TODAY)
    assert checked.findings["ID_CHECK"].tolist() == [False, True]
    assert checked.doc_type.to_pylist() == [None, "111"]
