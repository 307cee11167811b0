"""The words that users see: the glossary itself, and every Chinese text of the repository held against it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from schemas import glossary

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "schemas",
    "catalog",
    "connectors",
    "quality",
    "lake",
    "exchange",
    "cli",
    "dags",
    "runtime",
    "examples",
    "portal",
)
CHINESE = re.compile("[一-鿿]")
#: A line that quotes a wrong word on purpose (what people type, what a file holds) carries this comment.
MARKER = "glossary: as typed"
#: The glossary lists the wrong words; examples write the headings that real departments use.
EXEMPT_FILES = ("schemas/glossary.yaml",)
#: Column names of sources and values of example files are what they are.
EXEMPT_YAML_KEYS = ("physicalName", "sheet", "location", "table", "watermarkColumn", "operationColumn", "timeColumn")

Found = tuple[str, int, str]


def _files(pattern: str) -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob(pattern))


def _docstrings(tree: ast.AST) -> set[int]:
    nodes: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                nodes.add(id(first.value))
    return nodes


def python_texts(path: Path) -> Iterator[Found]:
    """Yields the Chinese string literals of a module, without docstrings."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    docstrings = _docstrings(tree)
    lines = source.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            last = node.end_lineno or node.lineno
            marked = any(MARKER in line for line in lines[node.lineno - 1 : last])
            if CHINESE.search(node.value) and not marked:
                yield str(path.relative_to(ROOT)), node.lineno, node.value


def yaml_texts(path: Path) -> Iterator[Found]:
    """Yields the Chinese scalars of a YAML file, without the names that sources gave."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    name = str(path.relative_to(ROOT))
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        for node in _scalars(document, ""):
            line = node.start_mark.line + 1
            if CHINESE.search(node.value) and MARKER not in lines[line - 1]:
                yield name, line, node.value


def _scalars(node: yaml.Node | None, key: str) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode) and key not in EXEMPT_YAML_KEYS:
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for element in node.value:
            yield from _scalars(element, key)
    elif isinstance(node, yaml.MappingNode):
        pairs = [(name, value) for name, value in node.value]
        named = {name.value: value.value for name, value in pairs if isinstance(name.value, str)}
        for name, value in pairs:
            yield from _scalars(name, "")
            yield from _scalars(value, named.get("property", "") if name.value == "value" else str(name.value))


def markdown_texts(path: Path) -> Iterator[Found]:
    """Yields the Chinese lines of a document."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if CHINESE.search(line) and MARKER not in line:
            yield str(path.relative_to(ROOT)), number, line


def all_texts() -> list[Found]:
    """Collects every Chinese text that users see."""
    found: list[Found] = []
    for path in _files("*.py"):
        found += python_texts(path)
    for path in [*_files("*.yaml"), *_files("*.yml")]:
        if str(path.relative_to(ROOT)) not in EXEMPT_FILES:
            found += yaml_texts(path)
    readme = ROOT / "README.zh-CN.md"
    if readme.exists():
        found += markdown_texts(readme)
    return found


def test_no_text_uses_a_wrong_noun():
    """No message, label or Chinese README uses a noun that the glossary forbids."""
    texts = all_texts()
    assert len(texts) > 300, "the scan found next to nothing: it looks in the wrong place"
    wrong = [
        f"{path}:{line}: “{bad}” → “{right}”" for path, line, text in texts for bad, right in glossary.wrong_words(text)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_scan_sees_python_yaml_and_markdown(tmp_path, monkeypatch):
    """A wrong noun is found in a literal, in an f-string, in YAML and in Markdown, and not in a docstring."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    module = tmp_path / "a.py"
    module.write_text(
        '"""文档里的字段."""\nx = "身份证号错误"\ny = f"{x}在隔离区"\nz = "工商局"  # glossary: as typed\n', "utf-8"
    )
    words = tmp_path / "b.yaml"
    words.write_text("says: 字段为空\nphysicalName: 身份证号\nlist: [{property: sheet, value: 工商局}]\n", "utf-8")
    readme = tmp_path / "c.md"
    readme.write_text("# 题\n数据进入隔离区\n", "utf-8")
    found = [*python_texts(module), *yaml_texts(words), *markdown_texts(readme)]
    wrong = {(path, line) for path, line, text in found if glossary.wrong_words(text)}
    assert wrong == {("a.py", 2), ("a.py", 3), ("b.yaml", 1), ("c.md", 2)}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("身份证号不能为空", [("身份证号", "公民身份号码")]),
        ("公民身份号码不能为空", []),
        ("统一社会信用代码有误", []),
        ("社会信用代码有误", [("社会信用代码", "统一社会信用代码")]),
        ("已转入隔离区的字段", [("隔离区", "问题数据"), ("字段", "数据项")]),
        ("依据《工商行政管理局管理字段办法》", []),
        ("外国人永久居留身份证", []),
        ("原工商局登记", [("工商局", "市场监督管理部门")]),
    ],
)
def test_wrong_words_gives_the_right_noun(text, wrong):
    """A wrong noun is found with its right one; right terms that contain it, and official titles, are not."""
    assert glossary.wrong_words(text) == wrong


def test_terms_are_complete_and_distinct():
    """Each term, name in code and wrong noun stands once, and no word is both right and wrong."""
    terms = glossary.terms()
    names = [term.term for term in terms]
    snakes = [term.snake for term in terms]
    right = {word for term in terms for word in (term.term, *term.synonyms)}
    wrong = [word for term in terms for word in term.wrong]
    assert len(terms) > 60
    assert len(set(names)) == len(names)
    assert len(set(snakes)) == len(snakes)
    assert len(set(wrong)) == len(wrong)
    assert not right & set(wrong)
    assert all(term.english and re.fullmatch("[a-z_]+", term.snake) for term in terms)


@pytest.mark.parametrize(
    ("snake", "word"),
    [
        ("catalog", "政务数据目录"),
        ("item", "数据项"),
        ("provider", "政务数据提供部门"),
        ("consumer", "政务数据需求部门"),
        ("quarantine", "问题数据"),
        ("held", "暂缓发布"),
        ("release", "放行"),
        ("discard", "作废"),
        ("snapshot", "全量"),
        ("watermark", "增量(时间戳)"),
        ("change_flag", "增量(标志位)"),
        ("citizen_id", "公民身份号码"),
    ],
)
def test_the_regulations_words_come_first(snake, word):
    """The words of the 2025 regulation are the terms, older ones only synonyms."""
    assert glossary.word(snake) == word


@pytest.mark.parametrize("noun", ["身份证号", "隔离区", "工商局", "字段"])
def test_the_named_wrong_nouns_are_forbidden(noun):
    """The nouns that the regulation replaced are on the list."""
    assert glossary.wrong_words(noun)
