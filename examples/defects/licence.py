"""What goes wrong in the licence table."""

from random import Random

from examples.datasets import licence
from examples.defects.identifiers import IdColumn, holds_uscc, id_defects, id_dirt, on, uscc_defects, uscc_dirt
from examples.defects.values import (
    bad_code,
    bad_date,
    bad_region,
    damaged,
    future_date,
    kind,
    missing,
    put,
    repeats,
    tidy_code,
    tidy_date,
    tidy_text,
    too_long,
)
from examples.numbers import ALPHANUMERIC, licence_ids, matrix, one_uscc
from examples.tables import Expected, Kind, Row, Table

PERSON = IdColumn("czztdm", "holder_code", prefix="holder_")
_HOLDER = frozenset({"holder_code", "holder_code_type"})


def _remade(text: str, kind_code: str | None = None, issuer: str | None = None) -> str:
    """Writes the identifier with another part and the right check character."""
    parts = text.split(".")[-5:]
    parts[0], parts[1] = kind_code or parts[0], issuer or parts[1]
    made = licence_ids(*(matrix([part]) for part in parts[:4]))
    return made.tobytes().decode("ascii")


def _wrong_check(text: str, draw: Random) -> str:
    return text[:-1] + draw.choice([letter for letter in ALPHANUMERIC if letter != text[-1]])


def _malformed(text: str, draw: Random) -> str:
    broken = [
        text.replace("1.2.156.3005.2", "1.2.156.3005.9"),
        text.replace(".", ""),
        text[: text.rindex(".")],
        text + ".1",
    ]
    return draw.choice(broken)


def _wrong_type(text: str, draw: Random) -> str:
    return _remade(text, kind_code="11100000XX00B0019R0" + draw.choice(["A1", "X9"]))


def _short_issuer(text: str, draw: Random) -> str:
    return _remade(text, issuer=draw.choice(["620400", "620402"]))


def _issue_after_end(row: Row, draw: Random, before: Row) -> None:
    row["zzyxqjzrq"] = f"{int(str(row['zzyxqqsrq'])[:4]) - draw.randint(1, 3)}-05-31"


def _other_without_words(row: Row, draw: Random, before: Row) -> None:
    row.update(zzzt="99", ztms=draw.choice([None, "  "]))


def _person_typed_company(row: Row, draw: Random, before: Row) -> None:
    row["czztdmlxdm"] = "001"


def _company_typed_person(row: Row, draw: Random, before: Row) -> None:
    row["czztdmlxdm"] = "111"


def _no_credit_code(row: Row) -> bool:
    """One citizen number in thirty-one happens to carry the right check character of a credit code."""
    return PERSON.is_citizen(row) and one_uscc(str(row["czztdm"])[:17]) != row["czztdm"]


def _wrong_types() -> list[Kind]:
    found = ("USCC_LENGTH", "USCC_CHARSET", "USCC_CHECK", "USCC_CATEGORY", "USCC_ORG_CHECK", "USCC_REGION")
    person = ("ID_LENGTH", "ID_CHARSET", "ID_CHECK", "ID_DATE", "ID_PROVINCE", "ID_REGION_UNKNOWN", "ID_FUTURE_BIRTH")
    return [
        Kind(
            "person_typed_company",
            _person_typed_company,
            (),
            _HOLDER,
            may=(*found, "IDENTIFIER_TYPE"),
            fits=_no_credit_code,
        ),
        Kind(
            "company_typed_person",
            _company_typed_person,
            (),
            _HOLDER,
            may=(*person, "IDENTIFIER_TYPE"),
            fits=holds_uscc("czztdm"),
        ),
    ]


def _identifiers() -> list[Kind]:
    return [
        kind("licence_check", on("zzbs", _wrong_check), "LICENCE_CHECK", "license_id", may=("KEY_MISSING",)),
        kind(
            "licence_format",
            on("zzbs", _malformed),
            "LICENCE_FORMAT",
            "license_id",
            may=("KEY_MISSING", "LICENCE_CHECK"),
        ),
        kind(
            "licence_type", on("zzbs", _wrong_type), "LICENCE_TYPE", "license_id", may=("KEY_MISSING", "LICENCE_FORMAT")
        ),
        kind("licence_issuer", on("zzbs", _short_issuer), "LICENCE_ISSUER", "license_id", disposition="flag"),
        *missing("zzbs", "license_id"),
        kind(
            "licence_type_code",
            put("zzlxdm", "11100000XX00B0019R", "食品001", "11100000XX00B0019R0A1"),
            "VALUE_PATTERN",
            "license_type_code",
        ),
    ]


DEFECTS: tuple[Kind, ...] = (
    *_identifiers(),
    *id_defects(PERSON),
    *uscc_defects("czztdm", "holder_code", required=False, also=_HOLDER),
    *_wrong_types(),
    *uscc_defects("zzbfjgdm", "issuer_code", required=True),
    Kind(
        "valid_upside_down",
        _issue_after_end,
        (Expected("DATE_ORDER", "valid_from"),),
        frozenset({"issue_date", "valid_from", "valid_to"}),
        may=("DATE_ORDER",),
    ),
    Kind(
        "other_without_words",
        _other_without_words,
        (Expected("COND_MISSING", "status_desc"),),
        frozenset({"status", "status_desc"}),
    ),
    *bad_date("zzbfrq", "issue_date", also=("valid_from", "valid_to")),
    future_date("zzbfrq", "issue_date", also=("valid_from", "valid_to"), may=("DATE_ORDER",)),
    *bad_date("zzyxqjzrq", "valid_to", also=("valid_from", "issue_date")),
    *missing("zzbfrq", "issue_date")[2:],
    *missing("czzt", "holder_name"),
    *damaged("czzt", "holder_name"),
    too_long("zzmc", "license_name", 512),
    too_long("zzbh", "license_no", 128),
    *missing("zzbh", "license_no")[:1],
    bad_code("zzzt", "status", "08", "88", "完好", may=("COND_MISSING",)),
    bad_code("kxdj", "trust_level", "E", "Z"),
    bad_code("czztdmlxdm", "holder_code_type", "000", "123", may=("IDENTIFIER_TYPE",)),
    bad_region("gxsdbm", "area_code", "629999", "000001"),
    *repeats("zzbs", "czzt", "同号持证人", older="gxsj"),
)

DIRT: tuple[Kind, ...] = (
    *id_dirt(PERSON),
    *uscc_dirt("zzbfjgdm", "issuer_code"),
    *tidy_text("czzt", "holder_name"),
    *tidy_date("zzbfrq", "issue_date"),
    tidy_code("zzzt", "status"),
    Kind(
        "licence_blanks",
        on("zzbs", lambda text, draw: f" {text}\u3000"),
        (),
        frozenset({"license_id"}),
        "normalised",
        tidied={"license_id": "zzbs"},
    ),
    Kind(
        "valid_to_open", put("zzyxqjzrq", "9999-9-9", "长期", "9999/12/31"), (), frozenset({"valid_to"}), "normalised"
    ),
)

TABLE = Table(
    "licence", "电子证照信息", "dzzz_xx", licence.COLUMNS, licence.make, DEFECTS, DIRT, ("jlbh",), update=licence.update
)
