"""Few threads of their own for calls that are many and short. Decides nothing.

The framework's forty threads take turns at one interpreter: with as many calls at once each waits for all the others
between any two of its steps, and a long page among them holds up a window. Three served 330 look-ups a second where six
served 234 (python -m benchmarks.bench_keyed, two cores); one would let a long list hold up every window.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class Lane:
    """A number of threads that nothing else takes."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._limiter: CapacityLimiter | None = None

    async def run(self, function: Callable[..., T], *args: Any, **values: Any) -> T:
        """Runs a function on a thread of the lane, in the order of asking."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(self._threads)
        return await to_thread.run_sync(partial(function, *args, **values), limiter=self._limiter)

    def endpoint(self, function: Callable[..., T]) -> Callable[..., Awaitable[T]]:
        """Returns the function as a coroutine function that runs on the lane; its values come by name."""

        async def endpoint(**values: Any) -> T:
            return await self.run(function, **values)

        return endpoint


KEYED = Lane(3)
