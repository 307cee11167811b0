"""Directory workbooks as departments have them, made by code: merged, repeated, blank below, with survey columns."""

import io
from collections.abc import Sequence

import openpyxl

NATIONAL = (
    "信息资源分类", "信息资源名称", "信息资源代码", "信息资源提供方", "提供方代码", "信息资源摘要",
    "信息资源格式", "信息项名称", "数据类型", "数据长度", "共享类型", "共享条件", "共享方式", "是否向社会开放",
    "开放条件", "更新周期", "发布日期", "关联资源代码",
)  # fmt: skip
ENTRY = ("307005", "教师资格信息", "", "", "", "教师资格证的持有人和学科", "数据库/mysql")
SHARE = ("无条件共享", "无条件", "共享平台方式/数据库", "否", "", "每月", "2018-06-01", "")
ITEMS = (
    ("证书编号", "字符型C", "32"),
    ("姓名", "字符型", "50"),
    ("公民身份号码", "C", "18"),
    ("认定日期", "日期型D", ""),
)


def rows(entry: Sequence[str] = ENTRY, items: Sequence[Sequence[str]] = ITEMS, share: Sequence[str] = SHARE):
    """Writes an entry's rows in the national order, entry columns repeated."""
    return [(*entry, *item, *share) for item in items]


def book(*lines: Sequence[object], title: str = "目录", merge: Sequence[str] = (), name: str = "Sheet1") -> bytes:
    """Makes a workbook of one sheet."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = name
    if title:
        sheet.append([title])
    for line in lines:
        sheet.append(list(line))
    for area in merge:
        sheet.merge_cells(area)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def simple() -> bytes:
    """One entry with repeated columns."""
    return book(NATIONAL, *rows())


def merged() -> bytes:
    """An old template: two header lines with groups, entries merged downwards, a line of numbers, a note below."""
    groups = (
        "序号", "政务信息资源名称", "信息资源分类", "", "", "资源提供单位", "资源摘要", "信息资源格式", "",
        "信息项信息", "", "", "共享属性", "", "", "", "开放属性", "", "更新频度", "发布日期",
    )  # fmt: skip  # glossary: as typed
    heads = (
        "", "", "类", "项", "目", "", "", "分类", "类型", "信息项名称", "数据类型", "数据长度", "共享类型", "共享条件",
        "共享方式分类", "共享方式类型", "是否开放", "开放条件", "", "",
    )  # fmt: skip
    first = ("1", "婚姻登记信息", "3", "7", "5", "示例市民政局（老名称）", "婚姻登记的双方和日期", "电子表格", "xlsx")
    share = ("有条件共享", "仅用于办理公积金业务", "共享平台", "文件下载", "否", "", "每季度", "2017年12月1日")
    second = ("2", "低保对象信息", "3", "7", "5", "", "享受最低生活保障的家庭和人员", "数据库", "oracle")
    only = ("不予共享", "依据《中华人民共和国统计法》（主席令第十五号）第二十五条", "其他", "", "否", "", "每年", "")
    lines = [groups, heads, tuple(f"（{n}）" for n in range(1, 21))]
    for item in (("男方姓名", "字符型", "50"), ("女方姓名", "字符型", "50"), ("登记日期", "日期型", "")):
        lines.append((*first, *item, *share) if len(lines) == 3 else ("",) * 9 + item + ("",) * 8)
    lines.append((*second, "户主姓名", "字符型", "50", *only))
    lines.append(("",) * 9 + ("家庭人数", "整型", "") + ("",) * 8)
    lines.append(("填表人：张三", "", "", "", "", "联系电话：0943-0000000"))
    merge = ["A2:A3", "B2:B3", "C2:E2", "F2:F3", "G2:G3", "H2:I2", "J2:L2", "M2:P2", "Q2:R2", "S2:S3", "T2:T3"]
    merge += [f"{letter}5:{letter}7" for letter in "ABCDEFGHIMNOPQRST"]
    return book(*lines, title="某市政务信息资源目录（2017年）", merge=merge)


def survey() -> bytes:
    """An old template with survey columns, share types that differ by item, other words for types."""
    head = (
        "资源名称", "资源代码", "提供部门", "内容摘要", "资源格式", "字段", "字段类型", "信息项数据类型", "数据长度",
        "共享类型", "共享条件", "共享方式", "是否开放", "更新周期", "数据存储总量（G）", "结构化信息记录总数",
        "已共享的数据存储量（G）", "是否电子证照", "所属信息系统",
    )  # fmt: skip
    entry = ("企业名录", "30700500/000012", "", "登记在册企业的名称和代码", "库表")
    tail = ("库表交换", "否", "每日", "1.5", "120000", "0.3", "否", "企业登记系统")
    lines = [
        (*entry, "统一社会信用代码", "", "varchar", "18", "普遍共享", "", *tail),
        (*entry, "企业名称", "", "varchar", "200", "普遍共享", "", *tail),
        (*entry, "法定代表人", "", "varchar", "50", "部分共享", "工作参考", *tail),
    ]
    return book(head, *lines, title="资源普查表")
