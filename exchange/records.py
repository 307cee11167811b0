"""Records that the embedded stack leaves under `var/`, read as they are; an absent or damaged one is empty."""

import json
from pathlib import Path
from typing import Any


def read_record(path: Path) -> dict[str, Any]:
    """Reads a JSON object; returns an empty one when there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
