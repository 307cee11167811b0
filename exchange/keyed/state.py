"""What one process keeps in memory for calls by key, for seconds: credentials, plans, budgets of keys, counted uses.

Nothing here is older than `seconds`, so that a revocation binds within ten. Knows no database.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")
_MOST = 4096
_MINUTE = 60.0


@dataclass
class KeyedState:
    """The memory of one hub in one process. `seconds` is how long a looked-up fact may be used."""

    seconds: float = 4.0
    budgets: dict[tuple[str, Any], int] = field(default_factory=dict)
    uses: list[Any] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    uses_since: float = 0.0
    swept_at: float = 0.0
    _kept: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)
    _calls: dict[str, tuple[int, int]] = field(default_factory=dict)

    def fresh(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns what was made for a key not long ago, or makes it; what raises is not kept."""
        found = self._kept.get(key)
        begun = monotonic()
        if found is not None and begun - found[0] < self.seconds:
            made: T = found[1]
            return made
        made = make()
        if len(self._kept) >= _MOST:
            self._kept.clear()
        # Counted from before the look-up: what it saw may have changed while it was made.
        self._kept[key] = (begun, made)
        return made

    def kept(self, key: Hashable) -> Any:
        """Returns what `fresh` keeps for a key; None where it would have to make it."""
        found = self._kept.get(key)
        return found[1] if found is not None and monotonic() - found[0] < self.seconds else None

    def forget(self, key: Hashable) -> None:
        """Forgets one fact."""
        self._kept.pop(key, None)

    def clear(self) -> None:
        """Forgets every looked-up fact."""
        self._kept.clear()

    def within_rate(self, caller: str, limit: int) -> bool:
        """Counts a call of the running minute; says whether it is within the limit."""
        minute = int(monotonic() // _MINUTE)
        with self.lock:
            if len(self._calls) >= _MOST:
                self._calls = {name: each for name, each in self._calls.items() if each[0] == minute}
            began, count = self._calls.get(caller, (minute, 0))
            count = count + 1 if began == minute else 1
            self._calls[caller] = (minute, count)
        return count <= limit
