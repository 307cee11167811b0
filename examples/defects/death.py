"""What goes wrong in the exchange table of deaths: unknown change flags besides the usual."""

from random import Random

from examples.datasets import death
from examples.defects.identifiers import IdColumn, id_defects, id_dirt, uscc_defects
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
    tidy_code,
    tidy_date,
    tidy_mobile,
    tidy_text,
    too_long,
)
from examples.tables import Expected, Kind, Row, Table

PERSON = IdColumn("gmsfhm", "citizen_id", "csrq", "birth_date", "xb", "sex_code", "{}{}{}")


def _before_birth(row: Row, draw: Random, before: Row) -> None:
    row["swrq"] = f"{int(str(row['csrq'])[:4]) - draw.randint(1, 9)}0115"


DEFECTS: tuple[Kind, ...] = (
    *id_defects(PERSON),
    Kind(
        "death_before_birth",
        _before_birth,
        (Expected("DATE_ORDER", "birth_date"),),
        frozenset({"birth_date", "death_date", "*dates"}),
    ),
    *bad_date("swrq", "death_date", also=("birth_date", "*dates")),
    future_date("swrq", "death_date", also=("birth_date", "*dates")),
    *missing("swrq", "death_date")[:2],
    *bad_date("csrq", "birth_date", also=("citizen_id", "*dates")),
    kind(
        "operation_unknown",
        put("cd_operation", "X", "M", "9", None),
        "OPERATION_UNKNOWN",
        "",
        also=("*operation",),
        may=("*",),
    ),
    *missing("swzmbh", "certificate_no"),
    too_long("swzmbh", "certificate_no", 40),
    *missing("xm", "name"),
    *damaged("xm", "name"),
    too_long("xm", "name", 50),
    bad_code("xb", "sex_code", "3", "Z", may=("ID_SEX_MISMATCH",)),
    bad_code("zjlx", "doc_type", "000", "12", may=("IDENTIFIER_TYPE",)),
    kind("cause_pattern", put("swyy", "心脏病", "21.9", "I2"), "VALUE_PATTERN", "cause_code", may=("ITEM_TOO_LONG",)),
    bad_region("swdxzqh", "death_region_code", "629999", "000000"),
    *uscc_defects("bgdwdm", "reporter_code", required=True),
    *bad_mobile("jslxdh", "family_phone"),
)

DIRT: tuple[Kind, ...] = (
    *id_dirt(PERSON),
    *tidy_text("xm", "name"),
    *tidy_date("swrq", "death_date"),
    tidy_code("xb", "sex_code"),
    tidy_mobile("jslxdh", "family_phone"),
)

TABLE = Table(
    "death", "死亡登记信息", "qz_swxx", death.COLUMNS, death.make, DEFECTS, DIRT, ("bgbh",), plantable=death.plantable
)
