"""Opens the hub for one command, as the administrator or for an account that signs in; tells errors in one line."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

import typer

from cli.output import say
from exchange.access import Actor, local_administrator
from exchange.hub import Hub, open_hub
from exchange.runs import as_ours
from exchange.sessions import sign_in, sign_out
from schemas.errors import Denied, Held, HubError, InputError, StateError

#: Exit codes: what a script can tell apart. 2 is also what a wrong option gives.
EXIT_CODES: tuple[tuple[type[HubError], int], ...] = ((InputError, 2), (Held, 3), (Denied, 4), (StateError, 5))

_INSIST_SECONDS = 5.0  # long enough for closing the hub in order


def exit_code(error: HubError) -> int:
    """Returns the exit code for an error: 2 input, 3 held, 4 denied, 5 state, 1 all others."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


@contextmanager
def _insisting(struck: Event) -> Iterator[None]:
    """Notes an interruption and repeats it until the command ends: a library that calls back may swallow the first."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored by the caller, or a test's own
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        struck.set()
        signal.setitimer(signal.ITIMER_REAL, _INSIST_SECONDS)
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Prints any error as one sentence on standard error and exits with its code; a broken pipe ends quietly."""
    struck, interrupted = Event(), HubError("已中断", "", "再次运行会从最后完成的一步继续", code="INTERRUPTED")
    try:
        with _insisting(struck):
            yield
        return
    except HubError as error:
        # What a library makes of Ctrl-C is an error of ours by now, and still Ctrl-C.
        failure, code = (interrupted, 130) if struck.is_set() else (error, exit_code(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except KeyboardInterrupt:
        failure, code = interrupted, 130
    except UnicodeEncodeError:
        failure, code = (
            InputError("参数中有不是文字的字符", "参数应为UTF-8文本", "请检查终端的编码", code="NOT_TEXT"),
            2,
        )
    except Exception as error:  # noqa: BLE001 - the edge of the program; a library's text may hold values
        failure, code = as_ours(error), 1
    say(str(failure))
    raise SystemExit(code) from None


@contextmanager
def hub() -> Iterator[tuple[Hub, Actor]]:
    """Opens the hub as the local administrator for one command."""
    with errors_as_sentences(), open_hub() as opened:
        yield opened, local_administrator()


@contextmanager
def desk(login: str) -> Iterator[tuple[Hub, Actor]]:
    """Opens the hub and signs an account in for one command."""
    with errors_as_sentences(), open_hub() as opened:
        tty = sys.stdin.isatty()
        password = typer.prompt("口令", hide_input=True, err=True) if tty else sys.stdin.readline().rstrip("\n")
        token, session = sign_in(opened, login, password, None, channel="cli", address=None)
        try:
            if session.must_change or session.needs_code:
                raise Denied("须先修改初始口令或启用动态码", "", "请先登录门户完成设置", code="SIGN_IN_INCOMPLETE")
            yield opened, session.actor
        finally:
            sign_out(opened, token)
