"""Every error of the hub has one root, a stable code, and says what was got, what is allowed and what to do next.

    HubError
    ├── InputError              the caller's input is wrong; nothing was changed
    │   ├── ContractError       a directory entry is not valid (file, line, key)
    │   ├── IdentifierError     a key is not a valid identifier
    │   ├── QueryError          the SQL is not one allowed SELECT
    │   └── NotFound            no such dataset, run, connection or version
    ├── Denied                  the actor may not do this
    ├── StateError              not possible in the present state (run, dataset)
    │   ├── Busy                another sync of this dataset is at work
    │   └── Held                the batch is held (暂缓发布); retrying does not help
    ├── SourceError             the department's system
    │   ├── SourceDown          cannot be reached; transient, try again
    │   ├── SourceRefused       refuses log-in or privilege
    │   ├── SourceUnreadable    file or table cannot be read as declared
    │   └── SchemaDrift         a contract column is missing, renamed or narrowed; holds the run
    ├── StorageError            disk full, lake or database cannot be written; transient
    ├── SealBroken              a sealed value does not belong to its key, row or dataset
    └── SetupError              a setting, secret or server of the hub itself

Messages are Chinese and hold no personal value and no secret.
"""


class HubError(Exception):
    """The root. `code` is stable; `got`, `allowed`, `next_step` are Chinese sentences without any personal value."""

    default_code = "HUB"
    transient = False

    def __init__(self, got: str, allowed: str = "", next_step: str = "", *, code: str | None = None) -> None:
        self.code = code or self.default_code
        self.got = got
        self.allowed = allowed
        self.next_step = next_step
        super().__init__(got, allowed, next_step)

    def __str__(self) -> str:
        parts = [self.got, self.allowed, self.next_step]
        return f"[{self.code}] " + "；".join(part.rstrip("。；") for part in parts if part) + "。"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _rebuild, (type(self), self.code, self.got, self.allowed, self.next_step)


def _rebuild(kind: type[HubError], code: str, got: str, allowed: str, next_step: str) -> HubError:
    return kind(got, allowed, next_step, code=code)


class InputError(HubError):
    """The caller's input is wrong; nothing was changed."""

    default_code = "INPUT"


class ContractError(InputError):
    """A directory entry is not valid."""

    default_code = "CONTRACT"


class IdentifierError(InputError):
    """A key is not a valid identifier."""

    default_code = "IDENTIFIER"


class QueryError(InputError):
    """The SQL is not one allowed SELECT."""

    default_code = "QUERY"


class NotFound(InputError):
    """No such dataset, run, connection or version."""

    default_code = "NOT_FOUND"


class Denied(HubError):
    """The actor may not do this."""

    default_code = "DENIED"


class StateError(HubError):
    """Not possible in the present state."""

    default_code = "STATE"


class Busy(StateError):
    """Another sync of this dataset is at work."""

    default_code = "BUSY"
    transient = True


class Held(StateError):
    """The batch is held (暂缓发布)."""

    default_code = "HELD"


class SourceError(HubError):
    """The department's system."""

    default_code = "SOURCE"


class SourceDown(SourceError):
    """The source cannot be reached."""

    default_code = "SOURCE_DOWN"
    transient = True


class SourceRefused(SourceError):
    """The source refuses log-in or privilege."""

    default_code = "SOURCE_REFUSED"


class SourceUnreadable(SourceError):
    """The file or table cannot be read as declared."""

    default_code = "SOURCE_UNREADABLE"


class SchemaDrift(SourceError):
    """A contract column is missing, renamed or narrowed at the source."""

    default_code = "SCHEMA_DRIFT"


class StorageError(HubError):
    """Disk, lake or database cannot be written."""

    default_code = "STORAGE"
    transient = True


class SealBroken(HubError):
    """A sealed value does not belong to its key, row or dataset."""

    default_code = "SEAL_BROKEN"


class SetupError(HubError):
    """A setting, secret or server of the hub itself."""

    default_code = "SETUP"
