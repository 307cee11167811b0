"""What goes wrong in the payment workbook: cells, amounts, codes whose zero is lost."""

from datetime import date
from random import Random

from examples.datasets import subsidy_payment
from examples.defects.identifiers import IdColumn, id_defects, id_dirt, on
from examples.defects.values import (
    bad_date,
    bad_mobile,
    bad_region,
    damaged,
    future_date,
    kind,
    missing,
    present,
    put,
    repeats,
    tidy_date,
    tidy_mobile,
    tidy_text,
    too_long,
)
from examples.tables import AS_ERROR, AS_NUMBER, Kind, Row, Table

PERSON = IdColumn("公民身份号码", "person_id")


def _digits_only(row: Row) -> bool:
    return PERSON.is_citizen(row) and str(row["公民身份号码"]).isdigit()


def _number_cell(text: str, draw: Random) -> str:
    return AS_NUMBER + text


def _lost_zero(text: str, draw: Random) -> str:
    return AS_NUMBER + str(int(text))


def _serial(text: str, draw: Random) -> str:
    return AS_NUMBER + str((date.fromisoformat(text) - date(1899, 12, 30)).days)


_AFTER_NUMBER = (
    "KEY_MISSING", "ITEM_MISSING", "ID_EXCEL_PRECISION_LOSS", "ID_CHECK", "ID_LENGTH",
    "ID_CHARSET", "ID_DATE", "ID_PROVINCE", "ITEM_TOO_LONG",
)  # fmt: skip


DEFECTS: tuple[Kind, ...] = (
    *id_defects(PERSON),
    kind(
        "id_as_number",
        on("公民身份号码", _number_cell),
        "CELL_NUMBER_AS_ID",
        "person_id",
        may=_AFTER_NUMBER,
        fits=_digits_only,
    ),
    *missing("公民身份号码", "person_id")[:2],
    *missing("姓名", "name"),
    *damaged("姓名", "name", control=False),
    too_long("姓名", "name", 50),
    kind("amount_negative", put("发放金额", "-300", "-0.5"), "NUMBER_RANGE", "amount"),
    kind("amount_words", put("发放金额", "三百元整", "3OO", "约300"), "NUMBER_FORMAT", "amount", may=("ITEM_MISSING",)),
    kind("amount_scale", put("发放金额", "300.125", "12.3456"), "NUMBER_SCALE", "amount"),
    kind(
        "amount_error_cell",
        put("发放金额", AS_ERROR + "#N/A", AS_ERROR + "#DIV/0!", AS_ERROR + "#VALUE!"),
        "CELL_ERROR",
        "amount",
        may=("ITEM_MISSING", "NUMBER_FORMAT"),
    ),
    *missing("发放金额", "amount")[:1],
    kind("type_lost_zero", on("补贴类型代码", _lost_zero), "VALUE_SET", "subsidy_type_code", may=("KEY_MISSING",)),
    kind(
        "type_unknown",
        put("补贴类型代码", "09", "低保"),
        "VALUE_SET",
        "subsidy_type_code",
        may=("KEY_MISSING", "ITEM_TOO_LONG"),
    ),
    *missing("补贴类型代码", "subsidy_type_code")[:1],
    kind(
        "month_pattern",
        put("发放月份", "202613", "26年1月", "2026"),
        "VALUE_PATTERN",
        "pay_month",
        may=("KEY_MISSING", "ITEM_TOO_LONG"),
    ),
    *missing("发放月份", "pay_month")[2:],
    *bad_date("发放日期", "pay_date"),
    future_date("发放日期", "pay_date"),
    bad_region("户籍地行政区划代码", "hukou_region_code", "629999", "000000"),
    *bad_mobile("联系电话", "mobile"),
    *repeats("公民身份号码", "发放金额", "1.23"),
)


def _holds_phone(row: Row) -> bool:
    return len(row["联系电话"] or "") == 11


DIRT: tuple[Kind, ...] = (
    *id_dirt(PERSON),
    *tidy_text("姓名", "name"),
    *tidy_date("发放日期", "pay_date"),
    Kind(
        "date_serial",
        on("发放日期", _serial),
        (),
        frozenset({"pay_date"}),
        "normalised",
        tidied={"pay_date": "发放日期"},
    ),
    tidy_mobile("联系电话", "mobile"),
    Kind(
        "mobile_as_number",
        on("联系电话", _number_cell),
        (),
        frozenset({"mobile"}),
        "normalised",
        fits=_holds_phone,
        tidied={"mobile": "联系电话"},
    ),
    Kind(
        "amount_as_text", on("发放金额", lambda text, draw: f" {text}\u3000"), (), frozenset({"amount"}), "normalised"
    ),
    Kind(
        "month_as_number",
        on("发放月份", _number_cell),
        (),
        frozenset({"pay_month"}),
        "normalised",
        fits=present("发放月份"),
        tidied={"pay_month": "发放月份"},
    ),
)

TABLE = Table(
    "subsidy_payment",
    "补贴发放信息",
    "subsidy_payment.xlsx",
    subsidy_payment.COLUMNS,
    subsidy_payment.make,
    DEFECTS,
    DIRT,
    ("序号",),
    update=subsidy_payment.update,
)
