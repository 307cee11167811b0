"""`python -m runtime database|up|run|down|status|pools`: the commands behind the Makefile. Decides nothing itself."""

import signal
import sys

from exchange.settings import read_settings
from runtime import stack, supervisor, watch
from schemas.errors import HubError

_COMMANDS = {
    "database": stack.database,
    "run": supervisor.run,
    "up": supervisor.up,
    "down": supervisor.down,
    "status": stack.status,
    "pools": watch.print_pools,
}


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit status. Errors are one line on stderr."""
    if len(arguments) != 1 or arguments[0] not in _COMMANDS:
        sys.stderr.write(f"用法（usage）：python -m runtime {'|'.join(_COMMANDS)}\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _COMMANDS[arguments[0]](read_settings())
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
