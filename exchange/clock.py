"""The system's clock, as the port `Clock` asks for it."""

from datetime import UTC, datetime


class SystemClock:
    """Tells the present time."""

    def now(self) -> datetime:
        """Returns the aware present time in UTC."""
        return datetime.now(UTC)
