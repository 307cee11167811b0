"""What goes wrong in the register of legal entities and in its CSV file."""

from random import Random

from examples.datasets import legal_entity
from examples.defects.identifiers import IdColumn, id_defects, id_dirt, on, uscc_defects, uscc_dirt
from examples.defects.values import (
    bad_code,
    bad_date,
    bad_region,
    damaged,
    future_date,
    kind,
    missing,
    present,
    put,
    ragged_lines,
    repeats,
    tidy_code,
    tidy_date,
    tidy_text,
    too_long,
)
from examples.tables import Expected, Kind, Row, Table

HEAD = IdColumn("法定代表人证件号码", "legal_rep_id", required=False, prefix="legal_rep_")
_CLOSING = ("status_code", "cancel_date", "establish_date", "*dates")


def _open(row: Row) -> bool:
    return row["状态"] in {"1", "2"}


def _established_after_approval(row: Row, draw: Random, before: Row) -> None:
    row["核准日期"] = f"{int(str(row['成立日期'])[:4]) - draw.randint(1, 5)}-06-18"


def _term_upside_down(row: Row, draw: Random, before: Row) -> None:
    row["经营期限至"] = f"{int(str(row['经营期限自'])[:4]) - draw.randint(1, 5)}-12-31"


def _closed_without_date(row: Row, draw: Random, before: Row) -> None:
    row.update(状态="4", 注销日期=None)


def _open_with_date(row: Row, draw: Random, before: Row) -> None:
    row["注销日期"] = "2026-03-01"


def _closed_before_founded(row: Row, draw: Random, before: Row) -> None:
    row.update(状态="4", 注销日期=f"{int(str(row['成立日期'])[:4]) - draw.randint(1, 5)}-06-18")


def _dates() -> list[Kind]:
    return [
        Kind(
            "establish_after_approve",
            _established_after_approval,
            (Expected("DATE_ORDER", "establish_date"),),
            frozenset({"establish_date", "approve_date", "*dates"}),
        ),
        Kind(
            "term_upside_down",
            _term_upside_down,
            (Expected("DATE_ORDER", "valid_from"),),
            frozenset({"valid_from", "valid_to"}),
        ),
        Kind(
            "closed_without_date", _closed_without_date, (Expected("COND_MISSING", "cancel_date"),), frozenset(_CLOSING)
        ),
        Kind(
            "open_with_cancel_date",
            _open_with_date,
            (Expected("COND_UNEXPECTED", "cancel_date"),),
            frozenset(_CLOSING),
            fits=_open,
        ),
        Kind(
            "closed_before_founded",
            _closed_before_founded,
            (Expected("DATE_ORDER", "establish_date"),),
            frozenset(_CLOSING),
        ),
        *bad_date("成立日期", "establish_date", also=("*dates", "approve_date", "cancel_date")),
        future_date("成立日期", "establish_date", also=("*dates", "approve_date", "cancel_date"), may=("DATE_ORDER",)),
        *bad_date("经营期限至", "valid_to", also=("valid_from",)),
    ]


def _numbers() -> list[Kind]:
    return [
        kind(
            "capital_words",
            put("注册资金", "若干", "面议", "详见章程"),
            "CAPITAL_FORMAT",
            "reg_capital",
            disposition="flag",
            also=("currency_code",),
            may=("CAPITAL_UNIT", "CAPITAL_FORMAT"),
        ),
        kind(
            "capital_without_unit",
            put("注册资金", "500", "1000.5"),
            "CAPITAL_UNIT",
            "reg_capital",
            disposition="flag",
            also=("currency_code",),
            may=("CAPITAL_UNIT",),
        ),
        kind("staff_negative", put("职工人数", "-5", "-1"), "NUMBER_RANGE", "employee_count"),
        kind("staff_words", put("职工人数", "十几人", "5O", "1-2"), "NUMBER_FORMAT", "employee_count"),
        kind(
            "phone_words",
            put("联系电话", "见门牌", "打听", "12"),
            "TELEPHONE_FORMAT",
            "contact_phone",
            disposition="flag",
        ),
    ]


def _old_numbers() -> list[Kind]:
    return [
        kind("org_code_check", on("组织机构代码", _other_digit), "ORG_CHECK", "org_code"),
        kind("org_code_length", on("组织机构代码", lambda code, draw: code[:7]), "ORG_LENGTH", "org_code"),
        kind("reg_no_check", on("注册号", _other_digit), "REG_CHECK", "reg_no", fits=present("注册号")),
        kind(
            "reg_no_length", on("注册号", lambda code, draw: code[:13]), "REG_LENGTH", "reg_no", fits=present("注册号")
        ),
        kind(
            "reg_no_letters",
            on("注册号", lambda code, draw: code[:14] + "A"),
            "REG_CHARSET",
            "reg_no",
            fits=present("注册号"),
        ),
    ]


def _other_digit(code: str, draw: Random) -> str:
    return code[:-1] + draw.choice([digit for digit in "0123456789" if digit != code[-1]])


DEFECTS: tuple[Kind, ...] = (
    *uscc_defects("统一社会信用代码", "uscc", required=True),
    *id_defects(HEAD),
    *_dates(),
    *_numbers(),
    *_old_numbers(),
    *missing("机构名称", "entity_name"),
    *damaged("机构名称", "entity_name", control=False),
    too_long("机构名称", "entity_name", 200),
    *missing("法定代表人姓名", "legal_rep_name")[2:],
    *damaged("法定代表人姓名", "legal_rep_name", control=False)[2:],
    bad_code("机构类型代码", "entity_type_code", "12", "88", "商会"),
    bad_code("状态", "status_code", "7", "8", "八", may=("COND_UNEXPECTED", "COND_MISSING", "ITEM_TOO_LONG")),
    *missing("状态", "status_code")[1:2],
    bad_region("注册地址行政区划代码", "reg_region_code", "629999", "000000"),
    *ragged_lines(),
    *repeats("统一社会信用代码", "机构名称", "银桥市同号商贸有限公司"),
)


def _hyphened(code: str, draw: Random) -> str:
    return f"{code[:8]}-{code[8:]}"


DIRT: tuple[Kind, ...] = (
    *uscc_dirt("统一社会信用代码", "uscc"),
    *id_dirt(HEAD),
    *tidy_text("机构名称", "entity_name"),
    *tidy_date("成立日期", "establish_date"),
    tidy_code("状态", "status_code"),
    Kind(
        "org_code_hyphen",
        on("组织机构代码", _hyphened),
        (),
        frozenset({"org_code"}),
        "normalised",
        tidied={"org_code": "组织机构代码"},
    ),
    Kind(
        "capital_spaces",
        on("注册资金", lambda text, draw: f" {text}\u3000"),
        (),
        frozenset({"reg_capital"}),
        "normalised",
        fits=present("注册资金"),
    ),
    Kind("scope_null_token", put("经营范围", "N/A", "\\N", "NULL"), (), frozenset({"business_scope"}), "normalised"),
)

TABLE = Table(
    "legal_entity",
    "法人单位基础信息",
    "legal_entity.csv",
    legal_entity.COLUMNS,
    legal_entity.make,
    DEFECTS,
    DIRT,
    ("主体身份代码",),
    update=legal_entity.update,
)
