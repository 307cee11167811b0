"""Stored contract texts → entries, read once a process: a sync asks for its entry in every step."""

from functools import lru_cache

from schemas import contract
from schemas.entry import Entry


# The list for the scheduler reads the whole directory at each publication.
@lru_cache(maxsize=2048)
def entry_from(text: str, name: str) -> Entry:
    """Returns the entry that a stored contract describes; raises ContractError."""
    return contract.load(text, name).entry
