"""Calling one operation of a provider's REST interface: guarded address, bounded time and size, strict JSON."""
