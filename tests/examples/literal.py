"""Identifier checks written out a second time, straight from the standards, for values one at a time."""

from datetime import date

from stdnum.cn import ric, uscc


def citizen_id_faults(number: str) -> list[str]:
    """Lists what is wrong with an 18-character number, by the words of GB 11643."""
    if len(number) != 18:
        return ["length"]
    if not number[:17].isdigit() or number[17] not in "0123456789X":
        return ["letters"]
    faults = []
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        faults.append("date")
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(number[:17]))
    if number[17] != "10X98765432"[total % 11] or number[17] != ric.calc_check_digit(number):
        faults.append("check")
    return faults


def uscc_is_valid(code: str) -> bool:
    """Says whether a credit code's outer and inner check characters are right."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    body = code[8:16]
    total = sum(letters.index(c) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    inner = {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))
    return bool(uscc.is_valid(code)) and code[16] == inner
