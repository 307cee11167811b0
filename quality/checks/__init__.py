"""The checks that the gate runs; importing this package registers all of them."""

from quality.checks import kinds, pairs, values
from quality.checks.registry import AROUND, CHECKS, Check, items_of

__all__ = ["AROUND", "CHECKS", "Check", "items_of", "kinds", "pairs", "values"]
