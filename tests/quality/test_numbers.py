"""Numbers, truth values and registered capital."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.normalise import Context, ItemPlan, normalise
from quality.normalise.capital import read as read_capital
from schemas.rules import null_tokens
from tests.quality.landing import DATA_DATE


def read(values, kind, type_, column=None, **facts):
    """Normalises texts, or a column, as one item."""
    plan = ItemPlan("n", "n", "数", type_, kind, null_tokens=null_tokens(kind), **facts)
    return normalise(pa.array(values, pa.string()) if column is None else column, plan, Context(DATA_DATE))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.56", "1234.56"),
        ("１，２３４．５", "1234.50"),
        ("1 234.5", "1234.50"),
        ("1\u00a0234", "1234"),
        ("-5", "-5"),
        ("＋7", "7"),
        (".5", "0.50"),
        ("5.", "5"),
        ("1.2e3", "1200"),
        ("1.500", "1.50"),
        ("0001.10", "1.10"),
        ("−3", "-3"),
    ],
)
def test_written_numbers_are_read_exactly(text, number):
    """Thousands commas, full width, blanks and exponents give the exact decimal."""
    found = read([text], "decimal", "N", scale=2)
    assert found.values.to_pylist() == [Decimal(number)]
    assert found.values.type == pa.decimal128(38, 2)
    assert not found.marks


def test_decimals_never_pass_through_float():
    """0.1 + 0.2 of the source stays 0.3, and eighteen digits stay eighteen digits."""
    assert read(["0.30", "123456789012345.67"], "amount", "Y").values.to_pylist() == [
        Decimal("0.30"),
        Decimal("123456789012345.67"),
    ]


@pytest.mark.parametrize("text", ["1.005", "123456789.00", "1e30", "0.001"])
def test_too_many_digits_are_found_not_rounded(text):
    """More decimals or digits than declared are NUMBER_SCALE."""
    found = read([text], "decimal", "N", scale=2, length=8)
    assert found.values.to_pylist() == [None]
    assert list(found.marks) == ["NUMBER_SCALE"]
    assert found.unreadable.tolist() == [True]


@pytest.mark.parametrize("text", ["abc", "1,23", "12,34,567", "1.2.3", "--5", "0x10", "1e", "五", "12元", "1e999"])
def test_what_is_no_number_is_found(text):
    """A text that is no number is NUMBER_FORMAT (or has far too many digits) and null."""
    found = read([text, "1"], "decimal", "N", scale=2)
    assert found.values.to_pylist() == [None, Decimal("1.00")]
    assert set(found.marks) <= {"NUMBER_FORMAT", "NUMBER_SCALE"}
    assert found.marks


def test_integers_have_sixty_four_bits():
    """The bounds of int64 fit, the next number and a fraction do not."""
    found = read([str(2**63 - 1), str(-(2**63)), str(2**63), "1.0", "1.5", "N/A"], "integer", "I")
    assert found.values.to_pylist() == [2**63 - 1, -(2**63), None, 1, None, None]
    assert found.marks["NUMBER_SCALE"].tolist() == [False, False, True, False, True, False]


def test_number_columns_of_the_source_keep_their_values():
    """Integers, decimals and floats of a database are read without a detour through rounding."""
    assert read(None, "decimal", "N", column=pa.array([1, None]), scale=2).values.to_pylist() == [Decimal("1.00"), None]
    exact = pa.array([Decimal("1.25")], pa.decimal128(10, 4))
    assert read(None, "decimal", "N", column=exact, scale=2).values.to_pylist() == [Decimal("1.25")]
    floats = pa.array([0.1, float("nan"), float("inf"), 3.0])
    found = read(None, "decimal", "N", column=floats, scale=2)
    assert found.values.to_pylist() == [Decimal("0.10"), None, None, Decimal("3.00")]
    double = read(None, "decimal", "B", column=floats)
    assert double.values.to_pylist() == [0.1, None, None, 3.0]
    assert read(["1.5", "x"], "decimal", "F").values.to_pylist() == [1.5, None]


@given(st.decimals(-(10**12), 10**12, places=2))
@settings(max_examples=80, deadline=None)
def test_every_amount_survives_being_written_with_commas(number):
    """An amount written with thousands commas is read back exactly."""
    assert read([f"{number:,.2f}"], "amount", "Y").values.to_pylist() == [number]


def test_yes_and_no_in_every_writing():
    """是/否, 1/0, Y/N, true/false, T/F and full width are truth values; anything else is found."""
    yes, no = ["是", "1", "Y", "y", "true", "T", "Ｙ", " 是 "], ["否", "0", "N", "no", "FALSE", "f", "０"]
    found = read([*yes, *no, "也许", None, "N/A"], "bool", "L")
    assert found.values.to_pylist() == [True] * len(yes) + [False] * len(no) + [None, None, None]
    assert found.marks["BOOL_FORMAT"].tolist().index(True) == len(yes) + len(no)
    assert read(None, "bool", "L", column=pa.array([True, None])).values.to_pylist() == [True, None]
    assert read(None, "bool", "L", column=pa.array([1, 0])).values.to_pylist() == [True, False]


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("200(万元人民币)", "200", "CNY"),
        ("1,000(万元人民币)", "1000", "CNY"),
        ("36700万人民币", "36700", "CNY"),
        ("159.4万人民币", "159.4", "CNY"),
        ("10,011.6000(万人民币元)", "10011.6", "CNY"),
        ("300(万元人民币元)", "300", "CNY"),
        ("10(万美元)", "10", "USD"),
        ("30(万元美元)", "30", "USD"),
        ("1,300(万日元)", "1300", "JPY"),
        ("8,336(万港币)", "8336", "HKD"),
        ("100(万香港元)", "100", "HKD"),
        ("5,000(万港元)", "5000", "HKD"),
        ("129.0100(万欧元)", "129.01", "EUR"),
        ("30(万英镑)", "30", "GBP"),
        ("12.4849(万澳大利亚元)", "12.4849", "AUD"),
        ("1.5元人民币", "0.00015", "CNY"),
        ("100元", "0.01", "CNY"),
        ("3(万元)", "3", "CNY"),
        ("1亿元", "10000", "CNY"),
        ("人民币500万元整", "500", "CNY"),
        ("２００（万元人民币）", "200", "CNY"),
        ("3000日元", "0.3", "JPY"),
        ("3000英镑", "0.3", "GBP"),
        ("5000000人民币元", "500", "CNY"),
        ("100万元（人民币）", "100", "CNY"),
        ("100万元(美元)", "100", "USD"),
        ("100(万元)(人民币)", "100", "CNY"),
        ("100(万)人民币", "100", "CNY"),
        ("10万（元）人民币", "10", "CNY"),
        ("500万元整（人民币）", "500", "CNY"),
        ("1,000.(万元)", "1000", "CNY"),
        ("US$100万", "100", "USD"),
    ],
)
def test_capital_is_read_into_ten_thousand_yuan_and_currency(text, amount, currency):
    """Every shape of the registers gives an amount in 万元 and a currency of GB/T 12406."""
    assert read_capital(text, 6) == (Decimal(amount).quantize(Decimal("1e-6")), currency, None, None)


def test_capital_without_unit_or_currency_is_flagged():
    """The amount is kept where its unit is written, the currency where it is said; the rest is CAPITAL_UNIT."""
    texts = ["50(万)", "100()", "0.2", "资产经营", "N/A", "-5万元", "0.00001元", "100(万美元"]
    found = read(texts, "capital", "N")
    assert found.values.to_pylist() == [Decimal(50), None, None, None, None, None, None, None]
    assert found.values.type == pa.decimal128(38, 6)
    assert found.marks["CAPITAL_UNIT"].tolist() == [True, True, True, False, False, False, False, False]
    assert found.marks["CAPITAL_FORMAT"].tolist() == [False, False, False, True, False, True, True, True]
    named = read(["10(万美元)", "50(万)", "美元", "资产经营", None], "capital_currency", "C")
    assert named.values.to_pylist() == ["USD", None, "USD", None, None]
    assert named.marks["CAPITAL_UNIT"].tolist() == [False, True, False, False, False]
    assert named.marks["CAPITAL_FORMAT"].tolist() == [False, False, False, True, False]


@pytest.mark.parametrize(
    "text",
    ["(100)万元", "(100万元)", "1()00万元", "100(5)万元", "100(万(美元))", "100)万元", "100万元(实缴)", "10万元-50万元",
     "100万元(美元)(人民币)", "人民币100万美元", "1,00万元", "1000,00万元", "100.5.万元", "100万$", "万100元"],
)  # fmt: skip
def test_capital_that_could_mean_two_things_is_not_read(text):
    """Brackets that wrap a number, two numbers, two currencies and misplaced separators give no amount."""
    assert read_capital(text, 6) == (None, None, "CAPITAL_FORMAT", "CAPITAL_FORMAT")


@given(st.text("0123456789,.()（）万亿元人民币美港日 ", max_size=16))
@settings(max_examples=150, deadline=None)
def test_no_capital_text_stops_a_batch(text):
    """Any text gives an amount or a finding, never both nothing."""
    amount, currency, finding, _ = read_capital(text, 6)
    assert amount is not None or finding is not None
    assert finding is not None or currency is not None
