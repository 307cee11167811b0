"""A contract's document → YAML text, by the C emitter: a directory of hundreds of entries is written at once. Pure."""

from collections.abc import Mapping
from typing import Any

import yaml

from schemas.contract.document import plain_value

_BASE: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Writer(_BASE):  # type: ignore[misc]
    """Quotes what contract readers would take for a number or a word, and writes line breaks as escapes."""

    def ignore_aliases(self, data: Any) -> bool:
        """Writes equal parts out: contracts have no anchors."""
        return True


def _text(dumper: Any, text: str) -> Any:
    style = "'" if plain_value(text) is not text else None
    if "".join(text.splitlines()) != text:
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def write_text(document: Mapping[str, Any]) -> str:
    """Writes a document, keys in its own order."""
    return str(yaml.dump(dict(document), Dumper=_Writer, allow_unicode=True, sort_keys=False, width=120))
