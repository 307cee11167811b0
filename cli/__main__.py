"""Starts `shuqiao`, also as `python -m cli`; an interruption while modules are still loading ends without a trace."""

import sys


def start() -> None:
    """Runs the command line."""
    try:
        from cli.main import main  # noqa: PLC0415 - takes a second, in which people press Ctrl-C

        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    start()
