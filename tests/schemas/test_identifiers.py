"""The rules of the scalar identifier checks, and their promises as properties."""

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc as stdnum_uscc
from stdnum.iso7064 import mod_11_2, mod_11_10, mod_37_36

from schemas.identifiers import (
    Finding,
    citizen_id,
    credit,
    identifier_of_type,
    licence_id,
    org_code,
    registration_number,
    uscc,
)
from schemas.identifiers.result import severities
from tests.schemas import identifier_strategies as some

CHECKS = [citizen_id, uscc, org_code, registration_number, licence_id, lambda value: identifier_of_type("414", value)]
PERSON = "620402199003079879"
BODY = "91620400XX00A0013M"

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**14, 10**18),
    st.floats(),
    st.decimals(),
    st.complex_numbers(),
    st.binary(max_size=30),
    st.text(max_size=60),
    st.text(st.characters(categories=["Cs", "Nd", "Mn", "Zs", "Cf"]), max_size=30),
    st.lists(st.text(max_size=3), max_size=3),
    st.dates(),
    st.fractions(),
    st.sampled_from(
        [object(), object, np.int64(620402199003079879), np.float64("nan"), 10**5000, Decimal("sNaN"), b"\xff"]
    ),
)


@pytest.mark.parametrize("check", CHECKS)
@settings(max_examples=150, deadline=None)
@given(value=anything)
def test_never_raises(check, value):
    """Any Python value at all gives a result; only a result without error findings is ok."""
    result = check(value)
    assert result.ok == (result.normalised is not None and all(f.severity != "error" for f in result.findings))
    assert all(isinstance(finding, Finding) and finding.code in severities() for finding in result.findings)


@pytest.mark.parametrize("check", CHECKS)
def test_never_raises_or_hangs_on_huge_text(check):
    """A megabyte of text, also of combining marks, is judged at once and is never ok."""
    for text in ("6" * 1_000_000, "a\u0301\u0327" * 300_000, " " * 1_000_000 + "1", "\ud800" * 1_000_000):
        assert not check(text).ok or check is CHECKS[-1]


@settings(max_examples=200, deadline=None)
@example("A\u00b4")
@example("'\u00a8'6")
@given(st.one_of(anything, some.mixed(some.citizens() | some.usccs() | some.org_codes() | some.licence_ids())))
def test_normalising_is_idempotent(value):
    """Checking a normalised value gives the same value and the same findings."""
    for check in CHECKS:
        first = check(value)
        if first.normalised is not None:
            second = check(first.normalised)
            assert (second.normalised, second.codes()) == (first.normalised, first.codes())


@settings(max_examples=60, deadline=None)
@given(some.citizens() | some.permits())
def test_every_single_change_of_a_citizen_id_is_caught(number):
    """MOD 11-2 catches every substitution of one character; letters elsewhere are caught by the character set."""
    assert citizen_id(number, some.TODAY).ok
    for place in range(18):
        for character in "0123456789XA*Я":
            if character != number[place]:
                changed = number[:place] + character + number[place + 1 :]
                assert not citizen_id(changed, some.TODAY).ok, place


@settings(max_examples=60, deadline=None)
@given(some.usccs())
def test_every_single_change_of_a_uscc_is_caught(code):
    """MOD 31-3 catches every substitution inside the alphabet; others are caught by the character set."""
    assert uscc(code).ok
    for place in range(18):
        for character in credit.ALPHABET + "IOSVZ*中":
            if character != code[place]:
                result = uscc(code[:place] + character + code[place + 1 :])
                assert not result.ok
                assert any(finding.severity == "error" for finding in result.findings)


@settings(max_examples=60, deadline=None)
@given(some.citizens(), st.integers(0, 17), st.sampled_from("0123456789"))
def test_a_removed_or_added_character_is_caught(number, place, character):
    """Seventeen or nineteen characters are no citizen ID."""
    assert citizen_id(number[:place] + number[place + 1 :]).codes()[0] == "ID_LENGTH"
    assert citizen_id(number[:place] + character + number[place:]).codes()[0] == "ID_LENGTH"


@settings(max_examples=300, deadline=None)
@given(some.digit_text(17))
def test_citizen_check_character_agrees_with_an_independent_oracle(body):
    """The check character is the one of python-stdnum's MOD 11-2."""
    wrong = "ID_CHECK" in citizen_id(body + "0", some.TODAY).codes()
    if len(set(body + "0")) > 1:
        assert wrong == (mod_11_2.calc_check_digit(body) != "0")


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from(credit.ALPHABET), min_size=9, max_size=9),
    some.digit_text(8),
    st.sampled_from(credit.ALPHABET),
)
def test_uscc_agrees_with_an_independent_oracle(tail, head, check):
    """The check character is the one of python-stdnum, which knows digits in front only."""
    code = head + tail + check
    right = stdnum_uscc.calc_check_digit(code[:17]) == check
    result = uscc(code)
    if result.normalised:
        assert ("USCC_CHECK" in result.codes()) is not right
        assert ("USCC_ORG_CHECK" in result.codes()) is not (org_code(tail).ok or org_code(tail).normalised is None)


@settings(max_examples=300, deadline=None)
@given(some.digit_text(15), some.licence_ids(), st.sampled_from("0123456789ABCXYZ"))
def test_hybrid_checks_agree_with_an_independent_oracle(number, licence, check):
    """MOD 11,10 and MOD 37,36 are those of python-stdnum."""
    if len(set(number)) > 1:
        assert registration_number(number).ok == mod_11_10.is_valid(number)
    body = "".join(licence.split(".")[5:9])
    assert licence_id(licence).ok and mod_37_36.is_valid(body + licence[-1])
    assert licence_id(licence[:-1] + check).ok == mod_37_36.is_valid(body + check)


def test_facts_of_a_citizen():
    """Birth date, sex and region are read from the number."""
    result = citizen_id(PERSON, some.TODAY)
    assert (result.birth_date, result.sex, result.region, result.doc_type) == (date(1990, 3, 7), "1", "620402", "111")
    assert citizen_id("620402199003079860").sex == "2"
    assert not result.changed and not result.upgraded


def test_facts_of_other_citizen_style_numbers():
    """Permits and cards have their own document type; cards tell nationality and issuing province."""
    assert [citizen_id(value).doc_type for value in ("810000199504129935", "830000198807189918")] == ["551", "552"]
    card = citizen_id("962840198102039915")
    assert (card.doc_type, card.nationality, card.region, card.sex) == ("553", "840", "620000", "1")
    old = citizen_id("USA620481020315")
    assert (old.doc_type, old.nationality, old.region, old.birth_date) == ("553", "USA", "620400", date(1981, 2, 3))
    assert citizen_id("KAZ110090123105").ok
    assert citizen_id("KAZ110090123104").codes() == ("ID_CHECK",)
    assert citizen_id("KAZ11009012310A").codes() == ("ID_CHARSET",)
    assert "ID_PROVINCE" in citizen_id("KAZ990090123105").codes()
    assert citizen_id("QQQ620481020315").codes()[0] == "ID_REGION_UNKNOWN"


@pytest.mark.parametrize(
    ("digits", "birth"),
    [
        ("231130", date(2023, 11, 30)),
        ("231201", date(1923, 12, 1)),
        ("000229", date(2000, 2, 29)),
        ("240229", date(1924, 2, 29)),
    ],
)
def test_century_of_the_2017_card(digits, birth):
    """The 2017 card was issued until 2023-11-30, which decides the century of its two-digit year."""
    assert citizen_id(f"USA6204{digits}12").birth_date == birth


def test_upgrade_of_fifteen_digits():
    """Fifteen digits become eighteen; sequences 996 to 999 were kept for people born in the 1800s."""
    result = citizen_id("620402900307987", some.TODAY)
    assert (result.normalised, result.upgraded, result.changed, result.kind) == (PERSON, True, True, "citizen_15")
    for sequence, year in (("995", 1990), ("996", 1890), ("999", 1890)):
        assert citizen_id(f"620402900307{sequence}").birth_date == date(year, 3, 7)
    assert citizen_id("990402900307987").codes() == ("ID_PROVINCE",)
    assert citizen_id("990402901307987").codes() == ("ID_DATE", "ID_PROVINCE")
    assert citizen_id("810000900307987").codes() == ("ID_PROVINCE",)
    assert citizen_id("62040290130798年").codes() == ("ID_CHARSET", "ID_DATE")


def test_age_and_future_follow_the_data_date():
    """A birth on the data date is fine, one day later is not; 130 years are fine, one day more is a warning."""
    number = "620402189912319914"
    assert "ID_AGE_OVER_130" not in citizen_id(number, date(2029, 12, 31)).codes()
    old = citizen_id(number, date(2030, 1, 1))
    assert "ID_AGE_OVER_130" in old.codes() and old.ok
    assert citizen_id(PERSON, date(1990, 3, 7)).ok
    assert citizen_id(PERSON, date(1990, 3, 6)).codes() == ("ID_FUTURE_BIRTH",)


def test_birth_years_outside_the_standard_are_no_dates():
    """The year begins with 18, 19 or 20; a card of 2023 never with 18."""
    assert "ID_DATE" in citizen_id("620402179903079879").codes()
    assert "ID_DATE" in citizen_id("620402210003079879").codes()
    assert "ID_DATE" not in citizen_id("620402180003079879").codes()
    assert "ID_DATE" in citizen_id("962840189902039915").codes()


@pytest.mark.parametrize(
    "value", ["无", "不详", "0", "111111111111111111", "000000000000000", "N/A", " ", "", "'", "ｎｕｌｌ"]
)
def test_placeholders_are_no_values(value):
    """A placeholder is null with the reason as info, and never a key."""
    for check, code in (
        (citizen_id, "ID_PLACEHOLDER"),
        (uscc, "USCC_PLACEHOLDER"),
        (licence_id, "LICENCE_PLACEHOLDER"),
    ):
        result = check(value)
        assert (result.normalised, result.ok, result.kind) == (None, False, "placeholder")
        assert result.findings == (Finding(code, "info"),)


@pytest.mark.parametrize("value", [None, float("nan"), Decimal("NaN")])
def test_null_has_no_finding(value):
    """Null stays null without a finding, by every check."""
    for check in CHECKS:
        assert (check(value).normalised, check(value).findings, check(value).ok) == (None, (), False)


@pytest.mark.parametrize(
    "value", ["6.20402E+17", "6.20402199003079e17", 6.20402199003079e17, "620402900307987.0", "6E17"]
)
def test_spreadsheet_numbers_are_named(value):
    """A number as a spreadsheet writes it is named as such, alone."""
    assert citizen_id(value).codes() == ("ID_EXCEL_PRECISION_LOSS",)


def test_lost_digits_are_named_beside_the_check():
    """Eighteen digits ending 000 whose check fails have lost their last three digits."""
    assert citizen_id("620402199003078000").codes() == ("ID_EXCEL_PRECISION_LOSS", "ID_CHECK")
    for kept in ("620402199003078010", "620402199003078100"):
        assert citizen_id(kept).codes() == ("ID_CHECK",)


@pytest.mark.parametrize(
    "written",
    [
        "'620402199003079879",
        "620402-19900307-9879",
        "\ufeff620402199003079879\u200b",
        "\u00a0620402199003079879\t\n",
        "６２０４０２１９９００３０７９８７９",
        620402199003079879,
        b"620402199003079879",
    ],
)
def test_ways_of_writing_are_folded(written):
    """Quotes, hyphens, invisible and full-width characters go; the number is the same."""
    assert citizen_id(written).normalised == PERSON


def test_cyrillic_ha_is_x_in_the_last_place_only():
    """A Cyrillic Х at the end is the check character; elsewhere it is a wrong character."""
    assert citizen_id("62040220000101986\u0425").normalised == "62040220000101986X"
    assert citizen_id("62040220000101986\u0445").ok
    assert "ID_CHARSET" in citizen_id("6204022000010198\u0425X").codes()
    assert "ID_CHARSET" in citizen_id("62040220000101986×").codes()


def test_all_findings_are_returned():
    """A number wrong in many ways says so at once."""
    codes = citizen_id("990101199013A19910").codes()
    assert codes == ("ID_CHARSET", "ID_PROVINCE")
    assert set(citizen_id("000101199013019910").codes()) == {"ID_PROVINCE", "ID_DATE", "ID_CHECK"}
    assert citizen_id("62040219900307987年号").codes() == ("ID_LENGTH", "ID_CHARSET")
    assert uscc("X0ABCDEF").codes() == ("USCC_LENGTH",)


def test_uscc_says_which_part_is_wrong():
    """Each part of the code has its finding; unknown pairs are warnings, impossible ones errors."""
    assert uscc("9X620400XX00A0013Y").findings == (Finding("USCC_CATEGORY", "error"),)
    assert uscc("96620400XX00A00136").findings == (Finding("USCC_CATEGORY", "warning"),)
    assert uscc("96620400XX00A00136").ok
    assert "USCC_CHARSET" in uscc("91A20400XX00A0013M").codes()
    assert uscc(_checked_uscc("91000000XX00A0013")).codes() == ("USCC_REGION",)
    assert uscc(_checked_uscc("11100000XX00A0013")).codes() == ()
    assert uscc(BODY).region == "620400"


def test_uscc_exception_overrides_the_check_character():
    """An approved pilot code passes; everything else about it is still checked."""
    assert uscc("91620400xx00a0013n", {"91620400XX00A0013N"}).ok
    assert not uscc("9162040XX00A0013N", {"9162040XX00A0013N"}).ok


def test_uscc_look_alikes_are_suggested_never_applied():
    """O, I, S and Z are suggested as digits when that verifies."""
    right = _checked_uscc("91620400XX0250113")
    wrong = right.replace("2", "Z").replace("5", "S").replace("0", "O").replace("1", "I")
    result = uscc(wrong)
    assert (result.suggestion, result.normalised, result.ok) == (right, wrong, False)
    assert uscc("91620400XI00A0013M").suggestion is None
    assert uscc(BODY[:8] + "V" + BODY[9:]).suggestion is None
    assert uscc(BODY).suggestion is None


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("XX0000061", ("ORG_CHECK",)),
        ("XX00000-6X", ()),
        ("XX00006X", ("ORG_LENGTH",)),
        ("XX00006年", ("ORG_LENGTH", "ORG_CHARSET")),
        ("XX000006A", ("ORG_CHARSET",)),
        ("000000000", ("ORG_PLACEHOLDER",)),
    ],
)
def test_org_code_findings(value, codes):
    """Length, characters and check of an organisation code."""
    assert org_code(value).codes() == codes


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("620400000990013", ("REG_CHECK",)),
        ("6204000009900", ("REG_LENGTH",)),
        ("62040000099001A", ("REG_CHARSET",)),
        ("企合苏总字第0001号", ("REG_LENGTH", "REG_CHARSET")),
        ("无", ("REG_PLACEHOLDER",)),
    ],
)
def test_registration_findings(value, codes):
    """Length, characters and check of a registration number."""
    assert registration_number(value).codes() == codes


def test_registration_kinds():
    """The first digit of the sequence tells domestic, foreign-invested and individual apart."""
    kinds = [registration_number(f"620400{digit}00990012").kind for digit in "034569"]
    domestic, foreign, individual = "registration_domestic", "registration_foreign", "registration_individual"
    assert kinds == [domestic, domestic, foreign, foreign, individual, individual]


LICENCE = "1.2.156.3005.2.11100000XX00B0019R001.11620400XX00A0048G.2026000001.001.N"


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        (LICENCE.lower().replace(".", " . "), ()),
        (LICENCE.replace(".2.1110", ".3.1110"), ("LICENCE_FORMAT",)),
        (LICENCE.removesuffix(".N"), ("LICENCE_FORMAT",)),
        (LICENCE + ".N", ("LICENCE_FORMAT",)),
        (LICENCE.replace("R001", "RA01"), ("LICENCE_TYPE", "LICENCE_CHECK")),
        (LICENCE.replace(".001.", ".000."), ("LICENCE_FORMAT", "LICENCE_CHECK")),
        (LICENCE.replace("2026000001", "2026-00001"), ("LICENCE_FORMAT",)),
        (LICENCE.replace("2026000001", ""), ("LICENCE_FORMAT", "LICENCE_CHECK")),
        (LICENCE.replace("11620400XX00A0048G", "11620400XX00A0048H"), ("LICENCE_ISSUER", "LICENCE_CHECK")),
        (LICENCE.replace("11620400XX00A0048G", "62040"), ("LICENCE_FORMAT", "LICENCE_CHECK")),
    ],
)
def test_licence_findings(value, codes):
    """Structure, type, issuer and check of a licence identifier are judged apart."""
    assert licence_id(value).codes() == codes


def test_every_single_change_of_a_licence_identifier_is_caught():
    """No other character at any one place, legal there or not, leaves an identifier that may be a key."""
    for place, original in enumerate(LICENCE):
        for other in "0A9ZIO.-'*é中\u0425😀".replace(original, ""):
            assert not licence_id(LICENCE[:place] + other + LICENCE[place + 1 :]).ok, (place, other)


def test_licence_of_a_region_issuer_passes_with_a_warning():
    """One province wrote its six-digit region as the issuer."""
    body = "11100000XX00B0019R0016204002026000001001"
    check = mod_37_36.calc_check_digit(body)
    result = licence_id(f"1.2.156.3005.2.11100000XX00B0019R001.620400.2026000001.001.{check}")
    assert (result.codes(), result.ok) == (("LICENCE_ISSUER",), True)


@pytest.mark.parametrize(
    ("type_code", "value", "ok"),
    [
        ("001", BODY, True),
        ("001", PERSON, False),
        ("111", PERSON, True),
        ("111", "620402900307987", True),
        ("111", "810000199504129935", False),
        ("551", "810000199504129935", True),
        ("551", "820000200309269921", True),
        ("551", "830000198807189918", False),
        ("552", "830000198807189918", True),
        ("553", "962840198102039915", True),
        ("553", "USA620481020315", True),
        ("553", PERSON, False),
        ("414", "E12345678", True),
        ("414", "e1234", True),
        ("414", "E123", False),
        ("414", "护照12345", False),
        ("516", "H12345678", True),
        ("516", "M1234567801", True),
        ("516", "A12345678", False),
        ("511", "12345678", True),
        ("511", "1234567890A", True),
        ("511", "1234567", False),
        ("114", "军字第1234567号", True),
        ("114", "1" * 33, False),
        ("114", "军字第****号", False),
        ("999", "77777777", True),
        ("999", "无", False),
        ("999", "000", False),
        (None, "X1", True),
    ],
)
def test_identifier_by_type(type_code, value, ok):
    """Each document type has its own form (GB/T 36903)."""
    assert identifier_of_type(type_code, value, some.TODAY).ok is ok


def test_identifier_of_another_kind_says_so():
    """A residence permit under type 111 is named as the wrong type beside its own findings."""
    assert identifier_of_type("111", "810000199504129935").codes() == ("IDENTIFIER_TYPE",)
    assert identifier_of_type("111", "无").codes() == ("ID_PLACEHOLDER",)
    assert identifier_of_type("111", "123").codes() == ("ID_LENGTH",)
    assert identifier_of_type("001", "91620400XX00A0013N", exceptions={"91620400XX00A0013N"}).ok
    assert identifier_of_type("414", "E12345678").doc_type == "414"


def test_results_do_not_show_the_value():
    """The repr of a result, which may reach a log, holds no part of the identifier."""
    text = repr(citizen_id("62040219900307987A")) + repr(citizen_id(PERSON)) + repr(uscc("9162O400XX00A0013M"))
    for part in ("620402", "1990", "9879", "XX00A"):
        assert part not in text


def test_today_is_taken_when_no_data_date_is_given():
    """Without a data date a birth tomorrow is in the future."""
    assert "ID_FUTURE_BIRTH" in citizen_id("62040220991231991X").codes()
    assert citizen_id(datetime(2020, 1, 1)).ok is False  # noqa: DTZ001


def _checked_uscc(first_17):
    """Completes a code with the right inner and outer check characters."""
    body = first_17[:16]
    body += credit.org_check_character(body[8:16])
    return body + stdnum_uscc.calc_check_digit(body)
