"""Deadlines, limits and defaults: `rules.value("REPLY_CONDITIONAL")`, `rules.null_tokens("date")`."""

from schemas.rules.book import Overlay, Rule, RuleBook, book, null_tokens, read_overlay, value

__all__ = ["Overlay", "Rule", "RuleBook", "book", "null_tokens", "read_overlay", "value"]
