"""Consumers' places, one module a kind, each with a `SINK`: how a batch gets there exactly once."""
