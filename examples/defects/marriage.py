"""What goes wrong in the marriage register: two identifiers a row, dates that contradict the kind of registration."""

from random import Random

from examples.datasets import marriage
from examples.defects.identifiers import IdColumn, id_defects, id_dirt, uscc_defects, uscc_dirt
from examples.defects.values import (
    bad_code,
    bad_date,
    bad_mobile,
    bad_region,
    damaged,
    future_date,
    kind,
    missing,
    put,
    repeats,
    tidy_code,
    tidy_date,
    tidy_mobile,
    tidy_text,
    too_long,
)
from examples.people import with_birth
from examples.tables import Expected, Kind, Row, Table

OWN = IdColumn("sqr_zjhm", "person_id")
SPOUSE = IdColumn("po_zjhm", "spouse_id", prefix="spouse_")
_ENDING = frozenset({"registration_type", "end_date", "registration_date", "*dates"})


def _marriage(row: Row) -> bool:
    return row["djlx"] == "1"


def _married_citizens(row: Row) -> bool:
    return _marriage(row) and OWN.is_citizen(row) and SPOUSE.is_citizen(row)


def _ended_before(row: Row, draw: Random, before: Row) -> None:
    row.update(djlx="2", jcrq=f"{int(str(row['djrq'])[:4]) - draw.randint(1, 5)}-03-12")


def _divorce_without_date(row: Row, draw: Random, before: Row) -> None:
    row.update(djlx="2", jcrq=None)


def _marriage_with_end(row: Row, draw: Random, before: Row) -> None:
    row.update(djlx="1", jcrq="2026-11-20")


def _child(column: str, item: str) -> Kind:
    def change(row: Row, draw: Random, before: Row) -> None:
        ymd = f"{draw.randint(2010, 2016)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}"
        row[column] = with_birth(str(row[column]), ymd)

    touched = frozenset({item, "registration_type", "*age"})
    return Kind(
        f"{item}_child",
        change,
        (Expected("AGE_TOO_YOUNG", "registration_type"),),
        touched,
        "flag",
        fits=_married_citizens,
    )


DEFECTS: tuple[Kind, ...] = (
    *id_defects(OWN),
    *id_defects(SPOUSE),
    _child("sqr_zjhm", "person_id"),
    _child("po_zjhm", "spouse_id"),
    Kind("ended_before", _ended_before, (Expected("DATE_ORDER", "registration_date"),), _ENDING),
    Kind("divorce_without_date", _divorce_without_date, (Expected("COND_MISSING", "end_date"),), _ENDING),
    Kind("marriage_with_end", _marriage_with_end, (Expected("COND_UNEXPECTED", "end_date"),), _ENDING, fits=_marriage),
    *bad_date("djrq", "registration_date", also=("*dates", "end_date")),
    future_date("djrq", "registration_date", also=("*dates", "end_date"), may=("DATE_ORDER",)),
    *missing("djrq", "registration_date")[2:],
    kind(
        "type_unknown",
        put("djlx", "4", "结婚", "9"),
        "VALUE_SET",
        "registration_type",
        also=("end_date", "person_id", "spouse_id"),
        may=("COND_UNEXPECTED", "COND_MISSING", "ITEM_TOO_LONG"),
    ),
    *missing("djzh", "registration_no"),
    too_long("djzh", "registration_no", 30),
    *missing("sqr_xm", "person_name"),
    *damaged("sqr_xm", "person_name"),
    *missing("po_xm", "spouse_name")[:1],
    *damaged("po_xm", "spouse_name")[:3],
    bad_code("sqr_zjlx", "person_id_type", "000", "12", may=("IDENTIFIER_TYPE",)),
    bad_code("hyzk", "marital_code", "11", "99"),
    *uscc_defects("djjgdm", "authority_code", required=True),
    bad_region("djdxzqh", "region_code", "629999", "000000"),
    *bad_mobile("lxdh", "mobile"),
    *repeats("djzh", "po_xm", "另有其人"),
)

DIRT: tuple[Kind, ...] = (
    *id_dirt(OWN),
    *id_dirt(SPOUSE),
    *uscc_dirt("djjgdm", "authority_code"),
    *tidy_text("sqr_xm", "person_name"),
    *tidy_date("djrq", "registration_date"),
    tidy_code("hyzk", "marital_code"),
    tidy_mobile("lxdh", "mobile"),
)

TABLE = Table(
    "marriage",
    "婚姻登记信息",
    "hydj",
    marriage.COLUMNS,
    marriage.make,
    DEFECTS,
    DIRT,
    ("ywlsh",),
    update=marriage.update,
)
