"""Normalising by kind of item: a landing column of any Arrow type -> the typed column and the findings of reading it.

Pure and vectorised; `docs/quality.md` says what each kind accepts. Knows no rule and keeps no value.
"""

from quality.normalise.reading import Context, ItemPlan, Normalised, arrow_type, normalise

__all__ = ["Context", "ItemPlan", "Normalised", "arrow_type", "normalise"]
