"""Code sets as data files: one CSV each, named in index.yaml with source and edition. Reads files only."""

from schemas.codes.loader import CodeSet, code_set, code_set_ids

__all__ = ["CodeSet", "code_set", "code_set_ids"]
