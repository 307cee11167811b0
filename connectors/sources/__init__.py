"""Kinds of source, one module each; the module's name is the kind (connectors/registry.py lists this folder)."""
