"""The checks by GX's expectation names: a check looks at a batch of normalised rows and says which are unexpected.

Null passes unless the check is about null. Registered by the sibling modules, run by quality.gate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quality.rows import Rows, Verdict

Run = Callable[[Rows, Mapping[str, Any]], Verdict]
Bind = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]

#: Arguments that every map expectation takes and that a check itself never sees.
AROUND = frozenset({"mostly", "row_condition", "condition_parser", "ignore_row_if"})


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `columns` are the arguments that name items, in the order of blame: a finding is put on the first.
    `bind` prepares arguments once (typed bounds, value sets); it raises ContractError when they make no sense."""

    name: str
    run: Run
    columns: tuple[str, ...] = ("column",)
    bind: Bind | None = None
    #: Gives the finding codes that normalising marks and that this check reports each under its own code; asked when an
    #: entry is compiled, since the list of findings is a file that importing must not open.
    codes: Callable[[], tuple[str, ...]] = tuple
    #: Does not apply where the item could not be read: the item's own finding says so already.
    about_null: bool = False


CHECKS: dict[str, Check] = {}


def register(check: Check) -> None:
    """Adds a check; every name has one."""
    if check.name in CHECKS:
        raise ValueError(check.name)
    CHECKS[check.name] = check


def items_of(check: Check, kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Lists the items that a rule looks at, each once; the first is blamed."""
    named: list[str] = []
    for argument in check.columns:
        value = kwargs.get(argument)
        named += value if isinstance(value, list | tuple) else [] if value is None else [value]
    return tuple(dict.fromkeys(named))
