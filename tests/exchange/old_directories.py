"""Directories as departments compiled them between 2016 and 2023, each with its own habits, made by code."""

import io
from collections.abc import Mapping, Sequence
from datetime import date

import openpyxl
import xlwt


def _xlsx(sheets: Mapping[str, Sequence[Sequence[object]]], merged: Sequence[str] = ()) -> bytes:
    """Writes sheets; the merged ranges are the last one's."""
    book = openpyxl.Workbook()
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(list(line))
    for area in merged:
        sheet.merge_cells(area)
    del book["Sheet"]
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def by_unit() -> bytes:
    """An .xls of 2017: breaks in headings, unit and date above, merged downwards, blank rows, notes and names below."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("民政局目录")
    sheet.write_merge(0, 0, 0, 19, "××市政务信息资源目录编制表")
    sheet.write_merge(1, 1, 0, 9, "填报单位（盖章）：示例市民政局")
    sheet.write_merge(1, 1, 10, 19, "填报日期：2017年9月30日")
    heads = (
        "序号", "信息资源\n分类", "信息资源\n名称", "信息资源\n代码", "信息资源\n提供方", "信息资源提供方\n代码",
        "信息资源\n摘要", "信息资源格式\n分类", "信息资源格式\n类型", "信息项\n名称", "数据\n类型",
         "数据\n长度", "共享\n类型",
        "共享\n条件", "共享方式\n分类", "共享方式\n类型", "是否向\n社会开放", "开放\n条件", "更新\n周期",
         "发布\n日期",
    )  # fmt: skip
    for column, text in enumerate(heads):
        sheet.write(2, column, text)
    day = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    entries = (
        ("社会组织登记信息", (("社会组织名称", "字符型C", 100.0), ("成立日期", "日期型D", ""), ("注册资金",
         "货币型Y", "20,2")),
         "无条件共享", "", "每月"),
        ("殡葬服务机构名录", (("机构名称", "字符型", 100), ("服务电话", "字符型", 20)),
         "有条件共享", "用于政务服务事项办理时的信息核验", "每年"),
        ("低保家庭信息", (("户主姓名", "C", 50), ("户主身份证号", "C", 18), ("保障金额", "N", "10,2")),
         "不予共享", "《社会救助暂行办法》（国务院令第649号）第六十一条", "实时"),
    )  # fmt: skip
    row = 3
    for number, (title, items, share, condition, cycle) in enumerate(entries, 1):
        last = row + len(items) - 1
        facts = {
            0: number,
            1: "3-07-005",
            2: title,
            4: "示例市民政局",
            6: f"{title}的基本内容",
            7: "数据库",
            8: "oracle",
        }
        facts |= {12: share, 13: condition, 14: "共享平台方式", 15: "数据库", 16: "否", 18: cycle}
        for column, text in facts.items():
            sheet.write_merge(row, last, column, column, text)
        sheet.write_merge(row, last, 19, 19, date(2017, 10, 1), day)
        for place, item in enumerate(items):
            for step, text in enumerate(item):
                sheet.write(row + place, 9 + step, text)
        row = last + 2
    sheet.write_merge(row, row, 0, 19, "注：1.信息资源代码由市大数据局统一编制；2.共享条件请填写具体条件。")
    for column, text in ((0, "填表人："), (2, "张三"), (9, "审核人："), (10, "李四")):
        sheet.write(row + 1, column, text)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def by_section() -> bytes:
    """A survey of 2023: one sheet a section, everything repeated, English names, levels, columns of the survey."""
    heads = (
        "序号", "目录名称", "目录代码", "数源单位", "责任处室", "内容摘要", "资源格式", "字段", "字段英文名",
         "字段类型",
        "字段长度", "是否主键", "是否必填", "敏感级别", "共享属性", "共享条件", "共享方式", "是否开放",
         "更新频率", "所属系统",
        "数据存储总量（GB）", "结构化记录总数（条）", "已共享数据量", "已开放数据量", "备注", "系统运行网络",
    )  # fmt: skip

    def rows(title: str, items: Sequence[Sequence[str]], share: str, condition: str, cycle: str) -> list[list[object]]:
        """Writes the rows of an entry."""
        return [
            ["", title, "", "示例市民政局", "基层政权科", f"{title}情况", "数据库/达梦", *item[:5], "是",
             item[5], share, condition,
             "共享平台/库表交换", "不开放", cycle, "社区综合平台", 12.5, 34567, "0", "0", "", "政务外网"]
            for item in items
        ]  # fmt: skip

    people = [("姓名", "XM", "VARCHAR2(50)", "50", "否", "3级"), ("公民身份号码", "SFZH", "CHAR", "18", "是", "4级")]
    village = [
        ("名称", "MC", "字符串", "100", "否", "1级"),
        ("统一社会信用代码", "TYSHXYDM", "字符串", "18", "是", "1级"),
    ]
    place = [("地名", "DM", "文本", "100", "否", "1级"), ("经度", "JD", "数值", "10.6", "否", "2级")]
    first = [["2023年数据资源普查表"], heads, *rows("社区工作者名册", people, "有条件", "业务协同", "每季度")]
    first += rows("村民委员会名录", village, "无条件", "", "每年更新一次")
    second = [heads, *rows("地名信息", place, "无条件共享", "", "按需更新")]
    return _xlsx({"填表说明": [["一、请勿改动表头"]], "基层科": first, "区划地名科": second, "字典": [["类型"]]})


def by_item() -> bytes:
    """A summary of 2016: share types, conditions and cycles differ by item; organisation codes; sums and signatures."""
    heads = (
        "序号", "政务信息资源名称", "政务信息资源代码", "政务信息资源提供方名称", "提供方代码（组织机构代码）",
         "政务信息资源摘要",
        "政务信息资源格式", "信息项名称", "信息项数据类型", "信息项长度（字节数）", "共享类型",
        "共享条件（有条件共享的写明条件；不予共享的写明依据）", "共享方式", "开放属性", "更新周期",
    )  # fmt: skip  # glossary: as typed
    law = "《军人抚恤优待条例》（国务院令第602号）第二十条"
    only, refused = ("有条件共享", "工作参考"), ("不予共享", law)
    blank = ("",) * 7
    lines = [
        (), ("表1  政务信息资源目录（汇总表）",), (), heads, tuple(f"（{number}）" for number in range(1, 16)),
          # glossary: as typed
        (1, "优抚对象信息", "YF-2016-001", "示例市民政局优抚科", "01389123-4", "优抚对象的身份和待遇",
         "Oracle 11g数据库",
         "姓名", "varchar2(50)", "50", *only, "共享平台（库表交换）", "不予开放", "每年更新一次"),
        (*blank, "证件号码", "char(18)", "≤18", *only, "", "", "每月"),
        (*blank, "伤残等级", "字符型", "不定长", *refused, "", "", "每年更新一次"),
        (*blank, "备注", "字符型", "200个汉字", *only),
        (*blank, "合计", "数值型", "(12,2)", *only),
        (),
        (2, "烈士名录", "", "", "", "烈士姓名、籍贯", "excel2007文件", "烈士姓名", "字符型（C）", "50字",
         "无条件共享", "无",
         "文件下载", "有条件开放", "一次性"),
        ("合计：2个资源，6个信息项",),
        ("填报单位负责人：", "", "王五", "", "填报人：", "赵六", "", "联系电话：", "0943-1234567"),
        ("说明：本表一式两份",),
    ]  # fmt: skip
    return _xlsx({"汇总": lines}, ["A2:O2", *(f"{letter}6:{letter}10" for letter in "ABCDEFG")])


def both_ways() -> bytes:
    """An .xls whose headings and cells are merged both ways; a date is a spreadsheet's number."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Sheet1")
    sheet.write_merge(0, 0, 0, 13, "部门数据资源清单")
    heads = ("资源名称", "", "资源简介", "", "提供部门", "资源格式", "数据项", "类型", "长度", "共享类型", "共享条件",
             "是否开放", "更新频率", "发布时间")  # fmt: skip
    for column, text in enumerate(heads):
        if text:
            sheet.write_merge(1, 2, column, column + (column < 4), text)
    row = 3
    for title, items, share in (
        (
            "彩票销售网点信息",
            (("网点编号", "字符", 20.0), ("地址", "字符", 200.0), ("销售额", "货币", "14,2")),
            "无条件共享",
        ),
        ("福利机构信息", (("机构名称", "文本", 100.0), ("地址", "文本", 200.0)), "有条件共享"),
    ):
        last = row + len(items) - 1
        sheet.write_merge(row, last, 0, 1, title)
        sheet.write_merge(row, last, 2, 3, f"{title}简介")
        facts = {
            4: "民政局",
            5: "数据库",
            9: share,
            10: "业务协同" if "有" in share else "无",
            11: "否",
            12: "每月更新",
        }
        for column, text in (facts | {13: 43164.0}).items():
            sheet.write_merge(row, last, column, column, text)
        for place, item in enumerate(items):
            for step, text in enumerate(item):
                sheet.write(row + place, 6 + step, text)
        row = last + 1
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def as_typed() -> bytes:
    """Values as people type them, one entry a row."""
    heads = (
        "信息资源名称（必填，不得使用系统名称）", "信息资源摘要\n(不超过250字)",
         "信息资源格式【电子文件/数据库】", "信息项名称*",
        "数据类型（C/N/D）", "数据长度（字节）", "共享类型（1/2/3）", "共享条件", "共享方式", "向社会开放",
         "更新周期", "关联资源代码",
        "涉密属性", "信息资源分类",
    )  # fmt: skip
    law = "《中华人民共和国档案法》（主席令第四十七号）第二十八条"
    lines = [
        ("MySQL5.7", "1 无条件共享", "无", "库表推送", "0", "每日", "/", "非涉密", "基础信息资源-国家人口基础信息资源"),
        ("纸质档案", "2-有条件共享", "数据校核", "前置机交换", "否", "每月（5日前）", "无", "否", "3/07/005"),
        (
            "地理信息shp",
            "有条件共享类",
            "数据校核",
            "共享平台方式—服务接口",
            "不予开放",
            "1次/年",
            "暂无",
            "非涉密",
            "主题-公共服务",
        ),
        ("rest接口", 1, "无条件", "平台接口", "1 开放", "实时", "", "非涉密", ""),
        ("扫描件PDF", "不予共享（3）", law, "电子邮件", "0-不开放", "每5年", "", "", "部门信息资源"),
        ("达梦数据库DM8", "有条件", "数据校核", "U盘拷贝", "不开放", "T+1", "", "", "3"),
    ]
    names = [f"{letter}类信息" for letter in "甲乙丙丁戊己"]
    rows = [
        (f" {name} ", f"{name}的内容", line[0], "名称", "字符型(C)", 100.0, *line[1:])
        for name, line in zip(names, lines, strict=True)
    ]
    return _xlsx({"目录": [heads, *rows]})
