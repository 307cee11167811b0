"""How often a part that died is started again: dying now and then is mended, dying at once each time is said."""

import time
from collections import defaultdict, deque

_MOST, _SECONDS = 5, 600.0


class Restarts:
    """Counts the restarts of each part in the last ten minutes; a stack that stays up for months forgets older ones."""

    def __init__(self, most: int = _MOST, seconds: float = _SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._moments: defaultdict[str, deque[float]] = defaultdict(deque)

    def allow(self, part: str) -> bool:
        """Notes one more restart of a part; returns False when it had too many already."""
        now, moments = time.monotonic(), self._moments[part]
        while moments and now - moments[0] > self._seconds:
            moments.popleft()
        moments.append(now)
        return len(moments) <= self._most
