"""All exceptions of the product are in schemas/errors.py, under one root, with a code of their own."""

import ast
import inspect

from schemas import errors
from tests.structure.house import ROOT, name, sources, tree

#: Signals inside a room, or of crash tests, that no user ever sees; so are private classes.
_SIGNALS = {"NeedMoreLines", "FaultError", "SignInFirst"}


def _kinds():
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def test_one_root():
    """Every class of schemas/errors.py is a HubError."""
    assert len(_kinds()) > 10
    assert all(issubclass(kind, errors.HubError) for kind in _kinds())


def test_codes_are_told_apart():
    """No two kinds share a default code."""
    codes = [kind.default_code for kind in _kinds()]
    assert len(codes) == len(set(codes))


def test_tree_is_in_the_docstring():
    """The docstring shows every kind."""
    assert not [kind.__name__ for kind in _kinds() if kind.__name__ not in (errors.__doc__ or "")]


def test_no_exception_elsewhere():
    """No other module defines a public exception."""
    strays = []
    for path in sources():
        if path == ROOT / "schemas" / "errors.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in _SIGNALS:
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                if any(
                    base.endswith(("Error", "Exception")) or base in {k.__name__ for k in _kinds()} for base in bases
                ):
                    strays.append(f"{name(path)}:{node.lineno} {node.name}")
    assert not strays


def test_settings_are_the_only_reader_of_the_environment():
    """os.environ is read by exchange/settings.py, and by the DAG files for the one path that Airflow hands it."""
    readers = [name(path) for path in sources() if "environ" in path.read_text("utf-8").replace("environment", "")]
    assert set(readers) <= {"exchange/settings.py", "dags/shuqiao_dags.py", "dags/delivery_dags.py"}
