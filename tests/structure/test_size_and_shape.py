"""The house's rules on size, names and docstrings hold in every source file."""

import ast

from tests.structure.house import ROOMS, ROOT, functions, name, sources, tree

_NO_CONTENT = {"utils", "util", "helpers", "helper", "common", "core"}


def test_rooms_are_there():
    """Each room holds source files, so that no rule below passes for want of input."""
    assert len(sources()) > 100
    assert all(any(path.is_relative_to(ROOT / room) for path in sources()) for room in ROOMS)


def test_functions_are_short():
    """No function is longer than 40 lines."""
    long = {
        f"{name(path)}:{each.lineno} {each.name}": lines
        for path in sources()
        for each in functions(path)
        if (lines := (each.end_lineno or 0) - each.lineno + 1) > 40
    }
    assert not long


def test_functions_take_few_parameters():
    """No function takes more than six parameters besides self; a form's handler takes the fields of the form."""
    many = []
    for path in sources():
        for each in functions(path):
            if any(ast.unparse(one).startswith("pages.post(") for one in each.decorator_list):
                continue
            arguments = [*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs]
            if len([one for one in arguments if one.arg not in {"self", "cls"}]) > 6:
                many.append(f"{name(path)}:{each.lineno} {each.name}")
    assert not many


def test_modules_are_short():
    """No module is longer than 400 lines."""
    long = {name(path): count for path in sources() if (count := len(path.read_text("utf-8").splitlines())) > 400}
    assert not long


def test_modules_are_named_by_content():
    """No module or folder is called utils, helpers, common or core."""
    assert not [name(path) for path in sources() if _NO_CONTENT & {*path.relative_to(ROOT).parts[:-1], path.stem}]


def test_modules_say_what_they_are():
    """Every module begins with a docstring."""
    assert not [name(path) for path in sources() if not ast.get_docstring(tree(path))]


def test_tests_say_what_behaviour_they_hold():
    """Every test begins with a sentence."""
    silent = []
    found = 0
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for each in functions(path):
            if each.name.startswith("test_"):
                found += 1
                if not (ast.get_docstring(each) or "").rstrip().endswith((".", "。")):
                    silent.append(f"{name(path)}:{each.lineno} {each.name}")
    assert found > 100
    assert not silent


def test_dags_folder_is_small():
    """dags/ holds at most five files: Airflow reads each."""
    files = [path for path in (ROOT / "dags").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert 1 <= len(files) <= 5
