"""Wrong sign-ins by network address: who tries many accounts from one place is stopped too. Each process counts."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

_MOST_ADDRESSES = 10_000


@dataclass
class AddressTries:
    """The moments of wrong sign-ins of each address, as long as they count."""

    _moments: dict[str, deque[datetime]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def count(self, address: str | None, now: datetime) -> None:
        """Counts a wrong sign-in."""
        if address is None:
            return
        with self._lock:
            if address not in self._moments and len(self._moments) >= _MOST_ADDRESSES:
                self._moments.pop(next(iter(self._moments)))
            self._moments.setdefault(address, deque(maxlen=1000)).append(now)

    def stopped(self, address: str | None, now: datetime, most: int, within: timedelta) -> bool:
        """Says whether an address has used up its wrong sign-ins; what is past no longer counts."""
        if address is None:
            return False
        with self._lock:
            moments = self._moments.get(address)
            while moments and moments[0] + within <= now:
                moments.popleft()
            if moments is not None and not moments:
                del self._moments[address]
            return len(moments or ()) >= most
