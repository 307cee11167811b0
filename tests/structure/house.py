"""What the house rules look at: our packages, their files and trees. Holds no rule."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "schemas", "catalog", "connectors", "quality", "lake", "exchange", "dags", "portal", "cli", "runtime", "examples",
)  # fmt: skip


@cache
def sources() -> tuple[Path, ...]:
    """Lists the product's source files; migrations are written by a tool."""
    return tuple(
        path
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if "versions" not in path.parts and "__pycache__" not in path.parts
    )


@cache
def tree(path: Path) -> ast.Module:
    """Parses a source file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yields every function and method of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def name(path: Path) -> str:
    """Names a file as seen from the root."""
    return path.relative_to(ROOT).as_posix()
