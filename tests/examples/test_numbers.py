"""Numbers made for the city follow the standards; the vectors are those of the domain notes (1.9, 2.7, 5.3)."""

import numpy as np
import pytest

from examples.numbers import (
    USCC_ALPHABET,
    citizen_ids,
    icao_check,
    licence_ids,
    matrix,
    one_citizen_id,
    one_uscc,
    registration_numbers,
    usccs,
)  # fmt: skip
from tests.examples.literal import citizen_id_faults, uscc_is_valid


@pytest.mark.parametrize(
    "number",
    ["620402199003079879", "62040220000101986X", "410602198402299913", "830000198807189918", "962840198102039915"],
)
def test_citizen_check_characters(number: str) -> None:
    """The check character of every valid vector comes out."""
    assert one_citizen_id(number[:17]) == number
    made = citizen_ids(np.array([int(number[:6])]), np.array([int(number[6:14])]), np.array([int(number[14:17])]))
    assert made.tobytes().decode() == number
    assert citizen_id_faults(number) == []


@pytest.mark.parametrize(
    "code",
    ["91620400XX00A0013M", "93410600XX00A003XT", "91620400XX00002460", "52130434XX00A0080F", "Y1110000XX00A0144H"],
)
def test_credit_code_checks(code: str) -> None:
    """Outer and inner check of every valid vector come out, also where the sum is 0 mod 31."""
    assert one_uscc(code[:17]) == code
    # python-stdnum knows the categories of 2015 only.
    if code[0].isdigit():
        assert uscc_is_valid(code)
        serial = 0
        for letter in code[10:16]:
            serial = serial * 31 + USCC_ALPHABET.index(letter)
        made = usccs(np.array([int(code[:2])]), np.array([int(code[2:8])]), np.array([serial]))
        assert made.tobytes().decode() == code


def test_registration_numbers() -> None:
    """The check digit of GS 15 comes out."""
    made = registration_numbers(np.array([620400, 410600, 210300]), np.array([99001, 60099002, 40099003]))
    assert [row.tobytes().decode() for row in made] == ["620400000990012", "410600600990025", "210300400990034"]


def test_licence_identifiers() -> None:
    """The check character of GB/T 36904 comes out for both versions."""
    parts = [matrix(["11100000XX00B0019R001"]), matrix(["11620400XX00A0048G"]), matrix(["2026000001"])]
    for version, check in (("001", "N"), ("002", "L")):
        made = licence_ids(*parts, matrix([version])).tobytes().decode()
        assert made == f"1.2.156.3005.2.11100000XX00B0019R001.11620400XX00A0048G.2026000001.{version}.{check}"


def test_the_2017_card() -> None:
    """The ICAO check digit of the old permanent-residence card comes out."""
    assert icao_check("USA62048102031") == "5"
    assert icao_check("KAZ11009012310") == "5"
