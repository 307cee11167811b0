"""Hands in samples of the three base areas that have no information system (空间地理、社会信用、统计调查), as files.

hand_in_samples(hub, actor)   registers the entries and uploads one workbook each; again, it changes nothing
"""

import io
from pathlib import Path

import xlsxwriter

from exchange import entries, uploads
from exchange.access import Actor
from exchange.hub import Hub

_CONTRACTS = Path(__file__).parent / "contracts" / "uploads"
_REGIONS = ("620402", "620403", "620421", "620422", "620423")
_PLACES = ("银河大桥", "凤凰路", "银桥公园", "水川镇政府", "强湾村", "人民路街道", "兰包路", "铜城广场")
_INDICATORS = (("A0101", "地区生产总值", "亿元"), ("A0201", "常住人口", "万人"), ("A0301", "粮食产量", "万吨"))

Row = dict[str, str]


def samples() -> dict[str, list[Row]]:
    """Makes the rows of each sample by heading; all of it is fictional."""
    return {
        "place_name": [_place(number) for number in range(40)],
        "penalty": [_penalty(number) for number in range(20)],
        "survey_indicator": [_indicator(number) for number in range(60)],
    }


def _place(number: int) -> Row:
    return {
        "地名地址编码": f"6204{number:010d}",
        "标准名称": f"{_PLACES[number % len(_PLACES)]}{number // len(_PLACES) + 1}号",
        "行政区划代码": _REGIONS[number % len(_REGIONS)],
        "地名类别": ("道路", "公共设施", "村庄")[number % 3],
        "经度": f"{104.1 + number / 1000:.6f}",
        "纬度": f"{36.5 + number / 1000:.6f}",
        "命名日期": f"2019-{number % 12 + 1:02d}-15",
    }


def _penalty(number: int) -> Row:
    return {
        "行政处罚决定书文号": f"银市监罚〔2026〕{number + 1}号",
        "统一社会信用代码": "11620400XX00C0022B" if number % 2 else "11620400XX00C00306",
        "行政相对人名称": f"银桥市示例单位{number + 1}",
        "处罚内容": "责令限期改正，并处罚款",
        "罚款金额": f"{1000 * (number + 1)}.00",
        "处罚决定日期": f"2026-{number % 9 + 1:02d}-08",
        "处罚机关": "银桥市市场监督管理局",
    }


def _indicator(number: int) -> Row:
    code, title, unit = _INDICATORS[number % len(_INDICATORS)]
    return {
        "指标代码": code,
        "报告期": f"2026-{number // 15 + 1:02d}",
        "行政区划代码": _REGIONS[number // 3 % len(_REGIONS)],
        "指标名称": title,
        "指标值": f"{100 + number * 1.25:.4f}",
        "计量单位": unit,
        "统计调查制度": "国民经济核算统计调查制度",
    }


def workbook(rows: list[Row]) -> bytes:
    """Writes rows as a department fills the template in: every cell as text."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    sheet = book.add_worksheet("数据")
    for column, heading in enumerate(rows[0]):
        sheet.write_string(0, column, heading)
        for number, row in enumerate(rows, 1):
            sheet.write_string(number, column, row[heading])
    book.close()
    return made.getvalue()


def hand_in_samples(hub: Hub, actor: Actor) -> list[uploads.UploadView]:
    """Registers and publishes the entries, then checks and submits one file each."""
    done = []
    for dataset, rows in samples().items():
        path = _CONTRACTS / f"{dataset}.yaml"
        entries.apply(hub, actor, path.read_text(encoding="utf-8"), path.name, publish=True)
        checked = uploads.check(hub, actor, dataset, f"{dataset}.xlsx", workbook(rows))
        done.append(uploads.submit(hub, actor, checked.id))
    return done
