"""Reads YAML of our own files with libyaml where PyYAML has it: every command reads some."""

from typing import Any

import yaml

#: The safe loader, for those who need its events and not its values.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Any:
    """Returns plain values only, as yaml.safe_load does; raises yaml.YAMLError."""
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - both are safe loaders
