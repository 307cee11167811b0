"""One cell of the directory's workbook ⇄ the form fields it stands for. Pure.

Reading gives field values, or raises InputError with what to do; writing gives the text that reading understands.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from exchange.entry_text import Draft, Row
from schemas.errors import InputError
from schemas.forms.fields import fields_of
from schemas.forms.workbook import Column, fold, layout

Values = dict[str, str]
_DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})(?:[-/.月]?(\d{1,2}))?日?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?")
_SERIAL, _EPOCH = re.compile(r"[2-7]\d{4}(?:[.]0+)?"), date(1899, 12, 30)
_FIRST_YEAR, _LAST_YEAR = 1949, 2100
_UNLIMITED = {"不定长", "不定", "不限", "不限长度", "无限制", "无限", "max", "变长", "可变"}
_LENGTH_WORDS = re.compile(r"^(?:不超过|最长|最大|小于等于|≤|<=|<)|(?:以内|个?(?:字节|字符|汉字|字)|位|bytes?|b)$")
_CLASS_STEPS = re.compile(r"^\s*[123](?:\s*[-—./\\·\s]\s*\d{2,}){1,3}")
_REMARK = re.compile(r"[(（].*?[)）]")
_YES, _NO = (
    {"是", "y", "yes", "1", "√", "✓", "true", "必填", "主键"},
    {"否", "n", "no", "0", "×", "false", "选填", "-", "/"},
)
_EMPTY = {"", "/", "-", "—", "--", "无", "暂无", "n/a", "null"}
_SEPARATORS = re.compile(r"[/\\、,，;；\-—:：()（）\n]+")


def misread(got: str, mend: str) -> InputError:
    """Returns the error of a cell that cannot be understood: what it is, and how to mend it."""
    return InputError(got, "", mend, code="CELL")


def read_cell(column: Column, text: str) -> Values:
    """Returns the fields that a cell gives; {} where it says nothing."""
    if fold(text) in _EMPTY and not (column.id == "share_condition" and text == "无"):
        return {}
    return _READERS[column.codec](column, text)


def _text(column: Column, text: str) -> Values:
    each = column.fields[0]
    text = " ".join(text.split()) if each.widget not in ("area", "lines") else text
    fault = each.fault(text)
    if fault:
        raise misread(fault, f"请改正“{column.heading}”")
    return {each.name: text}


def _lines(column: Column, text: str) -> Values:
    parts = [part.strip() for part in re.split(r"[\n;；、,，]", text)]
    return {column.fields[0].name: "\n".join(part for part in parts if part)}


def _choice(column: Column, text: str) -> Values:
    code = column.choice(text)
    if code is None:
        options = "、".join(option.says for option in column.fields[0].options[:12])
        raise misread(f"“{text[:30]}”不是{column.heading}的取值", f"请填写：{options}")
    return {column.fields[0].name: code}


def _flag(column: Column, text: str) -> Values:
    word = fold(text)
    if word not in _YES | _NO:
        raise misread(f"“{text[:30]}”不是“是”或“否”", "请填写“是”或“否”")
    return {column.fields[0].name: "1" if word in _YES else ""}


def _name(column: Column, text: str) -> Values:
    """Reads a column's name as systems write it (XM, F_NAME); the hub's names are of small letters."""
    name = re.sub(r"[^a-z0-9_]+", "_", fold(text)).strip("_") if text.isascii() else text
    return _text(column, name)


def _length(column: Column, text: str) -> Values:
    """Reads a length: 50, 50字节, 不超过50个汉字, (18,2), 10.2; one that is not limited says nothing."""
    length = fold(text).replace("，", ",").strip("()")
    if length in _UNLIMITED:
        return {}
    length = _LENGTH_WORDS.sub("", length)
    length = re.sub(r"[.]0+$", "", length).replace(".", ",")
    if column.fields[0].fault(length):
        raise misread(f"长度“{text[:30]}”不能读取", "请写整数，数值型可写“总位数,小数位数”")
    return {"length": length}


def _date(column: Column, text: str) -> Values:
    """Reads a date as people and spreadsheets write it, also the number that a date is in a spreadsheet."""
    found = _DATE.fullmatch(text.strip())
    made = _EPOCH + timedelta(days=int(float(text))) if _SERIAL.fullmatch(text.strip()) else None
    try:
        made = date(int(found[1]), int(found[2]), int(found[3] or 1)) if found and made is None else made
    except ValueError:
        made = None
    if made is None or not _FIRST_YEAR <= made.year <= _LAST_YEAR:
        raise misread(f"“{text[:30]}”不是日期", "请写成 2026-11-23 的样子")
    return {column.fields[0].name: made.isoformat()}


def _format(column: Column, text: str) -> Values:
    """Reads class and type in one cell: 数据库/mysql, xlsx, 电子表格."""
    classes = {each.id: each for each in layout().columns}["format_category"]
    found: Values = {}
    whole = classes.choice(text)
    for part in [text] if whole else [part.strip() for part in _SEPARATORS.split(text) if part.strip()]:
        code = classes.choice(part)
        kind = code or next((code for code, words in column.types.items() if fold(part) in words), None)
        if kind:
            found.setdefault("format_category", kind)
        if not code and "format_type" not in found:
            found["format_type"] = part[:64]
    if "format_category" not in found:
        found |= _format_inside(column, text)
    if "format_category" not in found:
        options = "、".join(option.name for option in column.fields[0].options)
        raise misread(f"格式“{text[:30]}”不能归类", f"请写分类或“分类/类型”，分类有：{options}")
    return found


def _format_inside(column: Column, text: str) -> Values:
    """Finds the class by the longest known word within a text: Oracle数据库, excel2007文件."""
    named = {option.name: option.code for option in column.fields[0].options}
    words = named | {
        word: kind for kind, known in column.types.items() for word in known if len(word) > 2 or not word.isascii()
    }
    inside = max((word for word in words if fold(word) in fold(text)), key=len, default="")
    return {"format_category": words[inside]} if inside else {}


def _mode(column: Column, text: str) -> Values:
    """Reads category and kind in one cell: 共享平台方式/库表交换, 服务接口, 邮件."""
    parts = [fold(part) for part in _SEPARATORS.split(text) if part.strip()]
    mode = next((column.words[part] for part in parts if part in column.words), None)
    outside = any(part in column.outside for part in parts)
    platform = any(part in column.platform for part in parts)
    if not (mode or outside or platform):
        mode, outside, platform = _mode_inside(column, fold(text))
    if not (mode or outside or platform):
        raise misread(f"共享方式“{text[:30]}”不能读取", "请写共享平台方式（数据库、文件下载、服务接口），或其他方式")
    found = {"share_mode_category": "2" if outside and not platform else "1"}
    return found | ({"share_mode": mode} if mode else {})


def _mode_inside(column: Column, text: str) -> tuple[str | None, bool, bool]:
    """Finds the longest known word of each kind within a text: U盘拷贝, 平台接口, 库表推送."""
    inside = max((word for word in column.words if fold(word) in text), key=len, default="")
    outside = any(fold(word) in text for word in column.outside)
    return column.words.get(inside), outside, any(fold(word) in text for word in column.platform)


def _class(_: Column, text: str) -> Values:
    """Reads codes (307015…, 3-07-015) or names of classes; what is neither says nothing that the hub could keep."""
    found = []
    whole = "" if re.search(r"\d", text) else _class_by_name(text)
    for part in [] if whole else re.split(r"[\n;；、,，]", text):
        joined = _CLASS_STEPS.sub(lambda found: re.sub(r"\D", "", found[0]), part)
        digits = re.match(r"\s*([123]\d{2}(?:\d{3}\d{0,40})?)(?!\d)", joined)
        name = _class_by_name(part)
        if digits or name:
            found.append(digits[1] if digits else name)
        elif re.search(r"\d\d", part):
            raise misread(f"分类“{part.strip()[:30]}”不是分类码", "请写类1位、项2位、目3位，如307015，或分类名称")
    classes = list(dict.fromkeys([whole] if whole else found))
    return {"classification": "\n".join(classes)} if classes else {}


def _class_by_name(text: str) -> str:
    """Finds the item (项) that a name means: with its class, or by its whole name."""
    words = fold(_REMARK.sub("", text))
    for option in fields_of("entry")["classification"].options:
        kind, _, name = option.name.partition("·")
        short = name.replace("省级", "省").removeprefix("国家")
        if (len(short) > 2 and short in words) or (short in words and kind in words):
            return option.code
    return ""


def _unread(_: Column, text: str) -> Values:
    return {"": text}


_READERS: dict[str, Callable[[Column, str], Values]] = {
    "text": _text, "lines": _lines, "choice": _choice, "flag": _flag, "length": _length, "date": _date,
    "format": _format, "mode": _mode, "class": _class, "code": _unread, "provider": _unread, "name": _name,
}  # fmt: skip


def write_cell(column: Column, draft: Draft, row: Row, code: str) -> str:
    """Returns the text of a cell for an entry and one of its items."""
    values = draft.values if column.of == "entry" else row
    if column.codec == "code":
        return code
    if column.codec == "provider":
        return draft.values["provider_name" if column.id == "provider" else "provider_code"]
    texts = [_says(column, number, values.get(each.name, "")) for number, each in enumerate(column.fields)]
    return "/".join(text for text in texts if text)


def _says(column: Column, number: int, value: str) -> str:
    each = column.fields[number]
    if each.widget == "flag":
        return "是" if value == "1" else ""
    name = next((option.name for option in each.options if option.code == value), "")
    if each.widget != "choice" or not name:
        return value
    return name if column.codec in ("mode", "format") or name == value or column.id != "type" else f"{name}{value}"


def cells_of(draft: Draft, row: Row, code: str) -> Mapping[str, str]:
    """Returns all cells of one row by column."""
    return {each.id: write_cell(each, draft, row, code) for each in layout().columns}
