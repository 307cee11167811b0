"""Citizen ID numbers (公民身份号码, GB 11643), residence permits permanent-residence cards. Never raises."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from schemas.identifiers.regions import ISSUING_PROVINCES, PROVINCES, country_letters, country_numbers, regions
from schemas.identifiers.result import Finding, Result, Sex, finding
from schemas.identifiers.text import as_text, compact, is_placeholder, is_spreadsheet_number

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
OLDEST_AGE = 130

#: Prefix → kind and document type. Residence permits have one fixed address code each.
PERMITS = {
    "81": ("residence_permit_hk", "551", "810000"),
    "82": ("residence_permit_mo", "551", "820000"),
    "83": ("residence_permit_tw", "552", "830000"),
}

#: The 15-character card was issued until 2023-11-30; nobody born later holds one.
LAST_BIRTH_2017 = 20231130

_SHAPE_18 = re.compile("[0-9]{17}[0-9X]")
_SHAPE_15 = re.compile("[0-9]{15}")
_SHAPE_2017 = re.compile("[A-Z]{3}[0-9]{12}")
_LEGAL = re.compile("[0-9]*X?")
_DIGITS = re.compile("[0-9]+")
_CYRILLIC_HA = "\u0425\u0445"


def citizen_id(value: object, data_date: date | None = None) -> Result:
    """Checks a citizen ID or citizen-style number ; births after `data_date` (default: today in China) are wrong."""
    text = as_text(value)
    if text is None:
        return Result(value, None, "empty")
    text = compact(text, (15, 18))
    if is_placeholder(text):
        return Result(value, None, "placeholder", findings=(finding("ID_PLACEHOLDER"),))
    today = data_date or datetime.now(ZoneInfo("Asia/Shanghai")).date()
    if "*" in text or is_spreadsheet_number(text) or len(text) not in {15, 18}:
        return _unreadable(value, text)
    if len(text) == 18:
        return _check_18(value, text[:17] + "X" if text[17] in _CYRILLIC_HA else text, today)
    letters = text[:3]
    return (_check_2017 if letters.isascii() and letters.isalpha() else _check_15)(value, text, today)


def check_character(first_17: str) -> str:
    """Computes the check character (ISO 7064 MOD 11-2) of the first 17 digits."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, WEIGHTS, strict=True))
    return CHECKS[total % 11]


def _unreadable(value: object, text: str) -> Result:
    """Says why the text cannot be read as a number of any kind."""
    if "*" in text:
        findings = [finding("ID_MASKED")]
    elif is_spreadsheet_number(text):
        findings = [finding("ID_EXCEL_PRECISION_LOSS")]
    else:
        findings = [finding("ID_LENGTH")]
        if not _LEGAL.fullmatch(text):
            findings.append(finding("ID_CHARSET"))
    return Result(value, text, "unknown", findings=tuple(findings))


def _check_18(value: object, text: str, today: date, *, upgraded: bool = False) -> Result:
    foreign = text[0] == "9"
    kind, doc_type, _ = PERMITS.get(text[:2], ("citizen_15" if upgraded else "citizen_18", "111", ""))
    if foreign:
        kind, doc_type = "permanent_residence_2023", "553"
    birth, findings = _birth(text[6:14], today, oldest_century="19" if foreign else "18")
    shaped = _SHAPE_18.fullmatch(text) is not None
    if not shaped:
        findings.insert(0, finding("ID_CHARSET"))
    findings += _issuer_553(text[1:3], text[3:6], numeric=True) if foreign else _region(text[:6], birth)
    if shaped and check_character(text[:17]) != text[17]:
        if text.endswith("000"):
            findings.append(finding("ID_EXCEL_PRECISION_LOSS"))
        findings.append(finding("ID_CHECK"))
    return Result(
        value,
        text,
        kind,
        doc_type,
        tuple(findings),
        birth_date=birth,
        sex=_sex(text[16]),
        region=f"{text[1:3]}0000" if foreign else text[:6],
        nationality=text[3:6] if foreign else None,
        upgraded=upgraded,
    )


def _check_15(value: object, text: str, today: date) -> Result:
    if not _SHAPE_15.fullmatch(text):
        findings = [finding("ID_CHARSET")]
        if _DIGITS.fullmatch(text[6:12]):
            findings += _birth("19" + text[6:12], today, oldest_century="18")[1]
        return Result(value, text, "citizen_15", "111", (*findings, *_region(text[:6], None, permits=False)))
    # Sequences 996-999 were kept for people born in the 1800s.
    century = "18" if text[12:] in {"996", "997", "998", "999"} else "19"
    birth, findings = _birth(century + text[6:12], today, oldest_century="18")
    if birth is not None and text[:2] in PROVINCES:
        body = text[:6] + century + text[6:]
        return _check_18(value, body + check_character(body), today, upgraded=True)
    findings += _region(text[:6], birth, permits=False)
    sex = _sex(text[14])
    return Result(value, text, "citizen_15", "111", tuple(findings), birth_date=birth, sex=sex, region=text[:6])


def _check_2017(value: object, text: str, today: date) -> Result:
    findings: list[Finding] = []
    birth = None
    shaped = _SHAPE_2017.fullmatch(text) is not None
    if not shaped:
        findings.append(finding("ID_CHARSET"))
    if _DIGITS.fullmatch(text[7:13]):
        day = "20" + text[7:13]
        birth, wrong = _birth(day if int(day) <= LAST_BIRTH_2017 else "19" + text[7:13], today, oldest_century="19")
        findings += wrong
    findings += _issuer_553(text[3:5], text[:3], numeric=False)
    if shaped and _icao_check(text[:14]) != text[14]:
        findings.append(finding("ID_CHECK"))
    return Result(
        value,
        text,
        "permanent_residence_2017",
        "553",
        tuple(findings),
        birth_date=birth,
        sex=_sex(text[13]),
        region=f"{text[3:7]}00",
        nationality=text[:3],
    )


def _icao_check(text: str) -> str:
    """Computes the ICAO 9303 check digit (weights 7, 3, 1; A is 10)."""
    return str(sum(int(character, 36) * (7, 3, 1)[place % 3] for place, character in enumerate(text)) % 10)


def _birth(digits: str, today: date, *, oldest_century: str) -> tuple[date | None, list[Finding]]:
    """Reads YYYYMMDD; no finding when it is not all digits, since the character set is then already wrong."""
    if not _DIGITS.fullmatch(digits):
        return None, []
    try:
        birth = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None, [finding("ID_DATE")]
    if not oldest_century <= digits[:2] <= "20":
        return None, [finding("ID_DATE")]
    if birth > today:
        return birth, [finding("ID_FUTURE_BIRTH")]
    if (today.year - OLDEST_AGE, today.month, today.day) > (birth.year, birth.month, birth.day):
        return birth, [finding("ID_AGE_OVER_130")]
    return birth, []


def _region(code: str, birth: date | None, *, permits: bool = True) -> list[Finding]:
    """Judges the address code: any edition of GB/T 2260 will do; permits never had 15 digits."""
    if not _DIGITS.fullmatch(code):
        return []
    if permits and code[:2] in PERMITS:
        return [] if code == PERMITS[code[:2]][2] else [finding("ID_REGION_UNKNOWN")]
    if code[:2] not in PROVINCES:
        return [finding("ID_PROVINCE")]
    region = regions().get(code)
    if region is None:
        return [finding("ID_REGION_UNKNOWN")]
    findings = [finding("ID_REGION_ABOLISHED")] if region.last is not None else []
    if birth is not None and region.first is not None and region.first > birth.year:
        findings.append(finding("ID_REGION_NOT_YET"))
    return findings


def _issuer_553(province: str, nationality: str, *, numeric: bool) -> list[Finding]:
    if not _DIGITS.fullmatch(province):
        return []
    if province not in ISSUING_PROVINCES:
        return [finding("ID_PROVINCE")]
    known = country_numbers() if numeric else country_letters()
    return [] if nationality in known else [finding("ID_REGION_UNKNOWN", "国籍代码不在GB/T 2659中")]


def _sex(digit: str) -> Sex | None:
    if not _DIGITS.fullmatch(digit):
        return None
    return "1" if digit in "13579" else "2"
