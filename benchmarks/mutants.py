"""The small breaks of a mutation run: cosmic-ray's operators and swaps inside SQL texts, in a seeded random order."""

import ast
import random
import re
from collections.abc import Iterator

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

#: `is` in place of `==`: the same for the interned texts here, and refused by ruff elsewhere.
IDENTITY = ("_Eq_Is", "_NotEq_IsNot", "_Is_Eq", "_IsNot_NotEq")
SQL = (
    (" AND ", " OR "), ("IS NULL", "IS NOT NULL"), ("IS NOT NULL", "IS NULL"), (" = ", " <> "), (" DESC", " ASC"),
    ("NULLS LAST", "NULLS FIRST"), (" > ", " >= "), ("DISTINCT ", ""), ("FULL JOIN", "LEFT JOIN"), (" OR ", " AND "),
    ("LEFT JOIN", "JOIN"), ("rank()", "row_number()"), ("ORDER BY row)", "ORDER BY row DESC)"), (" - 1", ""),
)  # fmt: skip


def meaning(source: str) -> str:
    """Writes the syntax tree without annotations; empty when there is none."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        for name in {"annotation", "returns"} & set(node._fields):
            setattr(node, name, None)
    return ast.dump(tree)


def mutants(source: str, seed: str) -> Iterator[tuple[str, str]]:
    """Yields (operator, mutated source) in a seeded random order; equal ones once."""
    nodes, specs = list(ast_nodes(get_ast(source))), []
    for name in sorted(cosmic_ray.plugins.operator_names()):
        kind = cosmic_ray.plugins.get_operator(name)
        if not kind.arguments() and not name.endswith(IDENTITY):
            count = sum(1 for node in nodes for _ in kind().mutation_positions(node))
            specs += [(name.removeprefix("core/"), kind, place) for place in range(count)]
    constants = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    texts = [range(node.lineno, (node.end_lineno or 0) + 1) for node in constants if "SELECT" in str(node.value)]
    for old, new in SQL:
        for found in re.finditer(re.escape(old), source):
            line = source.count("\n", 0, found.start()) + 1
            if any(line in text for text in texts):
                specs.append((f"SQL {old.strip()}", None, source[: found.start()] + new + source[found.end() :]))
    random.Random(seed).shuffle(specs)
    seen = {meaning(source), ""}
    for name, kind, place in specs:
        try:
            changed = mutate_code(source, kind(), place) if kind else place
        except AttributeError:  # cosmic-ray's ExceptionReplacer at a dotted name
            continue
        if changed and (means := meaning(changed)) not in seen:
            seen.add(means)
            yield name, changed
