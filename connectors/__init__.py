"""Connectors: how to reach a department's system. They read; nothing here ever writes to a source."""
