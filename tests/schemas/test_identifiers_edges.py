"""The values beside each boundary of the identifier checks, and everything that a result says; found by mutation."""

from dataclasses import FrozenInstanceError
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from schemas import identifiers
from schemas.identifiers import citizen_id, identifier_of_type, licence_id, org_code, registration_number, uscc
from schemas.identifiers import vectorised as arrays
from schemas.identifiers.citizen import check_character
from schemas.identifiers.regions import ISSUING_PROVINCES, PROVINCES, regions
from schemas.identifiers.text import LONGEST, as_text, compact, is_placeholder, is_spreadsheet_number

TODAY = date(2026, 11, 22)


def facts(result):
    """Lists everything of a result but the value and the findings."""
    return (result.normalised, result.kind, result.doc_type, result.birth_date, result.sex, result.region)


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (
            citizen_id,
            "620402900307987",
            ("620402199003079879", "citizen_15", "111", date(1990, 3, 7), "1", "620402"),
        ),
        (citizen_id, "990402900307976", ("990402900307976", "citizen_15", "111", date(1990, 3, 7), "2", "990402")),
        (citizen_id, "990402900307996", ("990402900307996", "citizen_15", "111", date(1890, 3, 7), "2", "990402")),
        (citizen_id, "62040290130798", ("62040290130798", "unknown", None, None, None, None)),
        (
            citizen_id,
            "810000199504129935",
            ("810000199504129935", "residence_permit_hk", "551", date(1995, 4, 12), "1", "810000"),
        ),
        (
            citizen_id,
            "KAZ110A90123105",
            ("KAZ110A90123105", "permanent_residence_2017", "553", date(1990, 12, 31), "2", "110A00"),
        ),
        (
            citizen_id,
            "KAZ1100A0123105",
            ("KAZ1100A0123105", "permanent_residence_2017", "553", None, "2", "110000"),
        ),
        (uscc, "91620400XX00A0013M", ("91620400XX00A0013M", "uscc", "001", None, None, "620400")),
        (uscc, "9162040XXX00A0013M", ("9162040XXX00A0013M", "uscc", "001", None, None, None)),
        (uscc, "91620400XX00A0013", ("91620400XX00A0013", "unknown", None, None, None, None)),
        (org_code, "XX000006X", ("XX000006X", "org_code", None, None, None, None)),
        (org_code, "XX00006X", ("XX00006X", "unknown", None, None, None, None)),
        (
            registration_number,
            "620400000990012",
            ("620400000990012", "registration_domestic", None, None, None, "620400"),
        ),
        (registration_number, "6204000009900", ("6204000009900", "unknown", None, None, None, None)),
        (licence_id, "1.2", ("1.2", "unknown", None, None, None, None)),
    ],
)
def test_all_that_a_result_says(check, value, expected):
    """Normalised value, kind, document type, birth date, sex and region are right for each kind of number."""
    assert facts(check(value)) == expected


@pytest.mark.parametrize(
    ("check", "written", "normalised"),
    [
        (citizen_id, "620402 19900307-9879", "620402199003079879"),
        (citizen_id, "620402 900307-987", "620402199003079879"),
        (uscc, "9162-0400 XX00A0013M", "91620400XX00A0013M"),
        (org_code, "XX0000 06-X", "XX000006X"),
        (registration_number, "6204 0000-0990012", "620400000990012"),
        (licence_id, " 1.2 -3 ", "1.2-3"),
        (uscc, "9162-0400", "9162-0400"),
        (citizen_id, "62-04", "62-04"),
    ],
)
def test_blanks_and_hyphens_go_only_where_a_whole_number_remains(check, written, normalised):
    """Separators inside a number of the right length are dropped; elsewhere they stay."""
    assert check(written).normalised == normalised


@pytest.mark.parametrize(
    ("check", "value", "codes"),
    [
        (org_code, "XX000006", ("ORG_LENGTH",)),
        (org_code, "XX000006XA", ("ORG_LENGTH",)),
        (registration_number, "62040000099001", ("REG_LENGTH",)),
        (registration_number, "6204000009900121", ("REG_LENGTH",)),
        (uscc, "91620400XX00A0013", ("USCC_LENGTH",)),
        (uscc, "91620400XX00A0013MM", ("USCC_LENGTH",)),
        (citizen_id, "62040219900307987", ("ID_LENGTH",)),
        (citizen_id, "6204021990030798799", ("ID_LENGTH",)),
        (citizen_id, "6204029003079871", ("ID_LENGTH",)),
    ],
)
def test_one_character_too_few_or_too_many(check, value, codes):
    """A length beside the right one is named, and nothing else."""
    assert check(value).codes() == codes


def test_hyphens_stay_in_a_document_of_another_type():
    """Other documents lose blanks and keep hyphens."""
    assert identifier_of_type("114", " 军 字-1 ").normalised == "军字-1"


@pytest.mark.parametrize(
    ("type_code", "value", "codes"),
    [
        ("114", "A" * 32, ()),
        ("114", "A" * 33, ("IDENTIFIER_TYPE",)),
        ("114", "军字第****号", ("ID_MASKED",)),
        ("414", "E1*45678", ("ID_MASKED",)),
        ("414", "E123", ("IDENTIFIER_TYPE",)),
        ("414", "E1234", ()),
        ("414", "E" + "1" * 16, ()),
        ("414", "E" + "1" * 17, ("IDENTIFIER_TYPE",)),
        ("551", "6204*", ("ID_MASKED",)),
        ("551", "62040219900307987号", ("ID_CHARSET", "IDENTIFIER_TYPE")),
        (" 111 ", "620402199003079879", ()),
        ("111", None, ()),
        ("551", None, ()),
        ("414", "00000", ("ID_PLACEHOLDER",)),
        ("414", "77777", ()),
        ("414", "无", ("ID_PLACEHOLDER",)),
    ],
)
def test_findings_by_document_type(type_code, value, codes):
    """Each document type reports masks, wrong forms and words for "no value" by code, scalar and by array."""
    result = identifier_of_type(type_code, value, TODAY)
    assert result.codes() == codes
    for repeats in (1, 100):
        column = [value] * repeats
        checked = arrays.identifiers_of_type(pa.array([type_code] * repeats), pa.array(column, pa.string()), TODAY)
        assert {code for code, mask in checked.findings.items() if mask.all()} == set(codes)
        assert checked.normalised.to_pylist() == [result.normalised] * repeats
        assert checked.doc_type.to_pylist() == [result.doc_type] * repeats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "TRUE"),
        (False, "FALSE"),
        (b"\xe4\xb8\x80", "一"),
        (bytearray(b"12"), "12"),
        (b"\xff", "\ufffd"),
        (12, "12"),
        (np.int64(12), "12"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (Decimal("NaN"), None),
        (float("nan"), None),
        (None, None),
        (date(2020, 1, 1), "<date>"),
        (1j, "<complex>"),
        pytest.param(10**5000, "<int>", id="huge"),
    ],
)
def test_text_of_any_value(value, text):
    """Every Python value has one text; null values have none."""
    assert as_text(value) == text


def test_the_longest_text_that_is_normalised():
    """200 characters are folded and may be a placeholder; one more is left as it is."""
    assert LONGEST == 200
    assert compact("Ａ" * 200, ()) == "A" * 200
    assert compact("Ａ" * 201, ()) == "Ａ" * 201
    assert compact(" " + "a" * 200 + " ", ()) == "A" * 200
    assert is_placeholder("1" * 200)
    assert not is_placeholder("1" * 201)
    assert not is_placeholder("A" * 5)
    assert not is_placeholder("11112")
    assert not is_placeholder("١١١")
    assert compact("''12", ()) == "12"
    assert compact("a b\u3000c", ()) == "ABC"
    assert compact("azAZ{`", ()) == "AZAZ{`"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("6E17", True),
        ("+6.2E+17", True),
        ("6.E1", True),
        ("6.2E+1234", False),
        ("62.2E+17", False),
        ("123456789.0", True),
        ("12345678.0", False),
        ("12345678901234567890.00", True),
        ("123456789012345678901.0", False),
        ("123456789.1", False),
    ],
)
def test_numbers_as_a_spreadsheet_writes_them(text, number):
    """Exponents of up to three digits and nine to twenty digits with zeros behind the point."""
    assert is_spreadsheet_number(text) is number


def test_a_finding_of_the_list_has_its_severity_and_note():
    """Findings carry the severity of the list, and a note only where the code alone says too little."""
    (placeholder,) = citizen_id("无").findings
    assert (placeholder.severity, placeholder.note) == ("info", "")
    assert [f.note for f in uscc("91A20400XX00A0013M").findings if f.code == "USCC_CHARSET"] == ["第3至8位应为数字"]
    assert citizen_id("QQQ620481020315").findings[0].note == "国籍代码不在GB/T 2659中"


def test_provinces_are_those_of_the_standard():
    """Thirty-two prefixes are provinces (domain.md 1.6); all but Taiwan's issue permanent-residence cards."""
    listed = "1112131415212223313233343536374142434445465051525354616263646571"
    assert {listed[place : place + 2] for place in range(0, 64, 2)} == PROVINCES
    assert PROVINCES - {"71"} == ISSUING_PROVINCES
    told = {code for code in range(100) if "ID_PROVINCE" not in citizen_id(f"{code:02d}000019900307987X").codes()}
    assert {f"{code:02d}" for code in told if code < 90} == PROVINCES | {"81", "82", "83"}


def test_what_is_shared_cannot_be_changed():
    """Findings and regions are kept and handed to every caller, so nobody may change one."""
    kept = uscc("9162O400XX00A0013M")
    for thing, name in ((kept, "kind"), (kept.findings[0], "code"), (regions()["620402"], "last")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, None)


def test_changed_is_what_normalising_did():
    """A value as it should be is not changed; a padded, upgraded or numeric one is; null is not."""
    assert [citizen_id(v).changed for v in ("620402199003079879", " 620402199003079879", 620402199003079879, None)] == [
        False,
        True,
        True,
        False,
    ]


def test_suggestions_only_where_they_would_be_right():
    """Look-alikes are suggested when the check verifies and category and authority are well-formed."""
    assert uscc("9I620400XX00A0013M").suggestion == "91620400XX00A0013M"
    assert uscc("916204OOXX00A0013M").suggestion == "91620400XX00A0013M"
    assert uscc("91620400XX00A0OI3N").suggestion is None


def test_escalated_rows_are_those_of_the_scalar_check():
    """A category outside the standard's pattern is an error in its rows alone, in long dirty columns too."""
    column = ["9X620400XX00A0013Y", "96620400XX00A00136", " 9x620400xx00a0013y"] * 50
    checked = arrays.usccs(pa.array(column))
    assert checked.escalated["USCC_CATEGORY"].tolist() == [True, False, True] * 50
    assert checked.errors.tolist() == [True, False, True] * 50
    assert checked.normalised.to_pylist() == [uscc(value).normalised for value in column]


@pytest.mark.parametrize("count", [1, 64, 65, 200])
def test_dirty_columns_of_every_length_are_read_alike(count):
    """Below and above the number of cells from which a second pass pays, the answer is the scalar's."""
    column = ([" 620402199003079879", "62040219900307987x", "x", None, " 62040290030798７"] * count)[:count]
    checked = arrays.citizen_ids(pa.array(column, pa.string()), TODAY)
    results = [citizen_id(value, TODAY) for value in column]
    assert checked.normalised.to_pylist() == [result.normalised for result in results]
    assert checked.doc_type.to_pylist() == [result.doc_type for result in results]
    assert checked.errors.tolist() == [any(f.severity == "error" for f in result.findings) for result in results]


def test_a_mixed_column_of_types_keeps_its_rows_apart():
    """Each row is judged by its own type, whatever the order, with null and unknown types among them."""
    types = ["414", "111", None, "001", "111", "", "414", "553"] * 20
    values = ["E1", "620402199003079878", "X", "91620400XX00A0013N", "810000199504129935", None, "E12345", "无"] * 20
    checked = arrays.identifiers_of_type(pa.array(types), pa.array(values), TODAY, {"91620400XX00A0013N"})
    results = [identifier_of_type(*pair, TODAY, {"91620400XX00A0013N"}) for pair in zip(types, values, strict=True)]
    assert checked.errors.tolist() == [any(f.severity == "error" for f in result.findings) for result in results]
    for code in {code for result in results for code in result.codes()}:
        assert checked.findings[code].tolist() == [code in result.codes() for result in results]
    assert checked.doc_type.to_pylist() == [result.doc_type for result in results]


def test_empty_columns_have_empty_answers():
    """No rows give no findings, by every array check."""
    none = pa.array([], pa.string())
    for check in (arrays.citizen_ids, arrays.usccs, arrays.org_codes, arrays.registration_numbers, arrays.licence_ids):
        checked = check(none)
        assert (len(checked.normalised), len(checked.doc_type), len(checked.errors), checked.findings) == (0, 0, 0, {})
    assert len(arrays.identifiers_of_type(none, none).errors) == 0


def test_birth_dates_of_every_month_end_and_leap_year():
    """The arrays know each month's last day and which centuries have a leap day, as the calendar does."""
    days = [(y, m, d) for y in (1900, 1999, 2000, 2004, 2100) for m in range(14) for d in (0, 1, 28, 29, 30, 31, 32)]
    column = [f"620402{y:04d}{m:02d}{d:02d}9879" for y, m, d in days]
    checked = arrays.citizen_ids(pa.array(column), TODAY)
    scalar = ["ID_DATE" in citizen_id(value, TODAY).codes() for value in column]
    assert checked.findings["ID_DATE"].tolist() == scalar
    told = arrays.citizen_facts(pa.array(column)).birth_date.to_pylist()
    assert told == [citizen_id(value, date(2999, 12, 31)).birth_date for value in column]


def month_ends():
    """Makes valid numbers born on the first and last day of every month of a common and a leap year."""
    days = [date(year, month, 1) for year in (1999, 2000, 2001) for month in range(1, 13)]
    bodies = [f"620402{day:%Y%m%d}987" for day in [*days, *(day - timedelta(days=1) for day in days)]]
    return [body + check_character(body) for body in bodies]


SOUND = {
    "citizen_id": (arrays.citizen_ids, [*month_ends(), "620402900307987", "620402900307996", "810000199504129935"]),
    "uscc": (arrays.usccs, ["91620400XX00A0013M", "12210300XX00A00564", "91620400XX00A0013N", "91620400XX00A0013"]),
    "org_code": (arrays.org_codes, ["XX000006X", "XX0000190", "XX0000061"]),
    "registration_number": (arrays.registration_numbers, ["620400000990012", "620400000990013"]),
    "licence_id": (
        arrays.licence_ids,
        [
            "1.2.156.3005.2.11100000XX00B0019R001.11620400XX00A0048G.2026000001.001.N",
            "1.2.156.3005.2.11100000XX00B0019R017.11620400XX00A0048G.A1B2C3D4E5F60718293A4B5C6D7E8F90.001.5",
        ],
    ),
}


@pytest.mark.parametrize("kind", SOUND)
def test_sound_columns_never_reach_the_check_of_single_values(kind, monkeypatch):
    """Well-formed values, padded and in lower case too, are judged by whole columns: that is what makes it fast."""
    check, column = SOUND[kind]
    expected = [getattr(identifiers, kind)(value).normalised for value in column]

    def single(*_):
        raise AssertionError("a sound value was checked alone")

    for module in (arrays.citizen, arrays.credit, arrays.registration, arrays.licence):
        if hasattr(module, kind):
            monkeypatch.setattr(module, kind, single)
    assert check(pa.array(column)).normalised.to_pylist() == expected
    many = [f" {value.lower()}\t" for value in column] * 65
    assert check(pa.array(many)).normalised.to_pylist() == expected * 65
    blocks = pa.array(column * (70_000 // len(column)))
    assert check(blocks).normalised[-1].as_py() == expected[-1]
    damaged = {"citizen_id": ["620402********9879", "6.20402E+17", "62040219900307987"]}.get(kind, [])
    assert check(pa.array(damaged, pa.string())).normalised.to_pylist() == damaged


def test_results_of_cards_do_not_show_the_nationality():
    """The repr of a result holds no birth date, sex, region or nationality."""
    shown = repr(citizen_id("USA620481020315"))
    assert not any(word in shown for word in ("USA", "6204", "1981", "sex", "nationality", "region"))


def test_facts_of_sound_numbers_never_reach_the_check_of_single_values(monkeypatch):
    """Birth dates and sexes of whole columns are read without asking for one number alone."""
    expected = [citizen_id(value).birth_date for value in month_ends()]
    monkeypatch.setattr(arrays.citizen, "citizen_id", None)
    assert arrays.citizen_facts(pa.array(month_ends())).birth_date.to_pylist() == expected
