"""Keeps GX (seconds to import) out of tests that publish and ask nothing of the suite. Not a test."""

import pytest

from quality import suite


def without_gx(patched: pytest.MonkeyPatch) -> None:
    """Gives every entry an empty suite while the patch lasts; a session's fixture lets it last for its set-up alone."""
    patched.setattr(suite, "compile_suite", lambda entry: {"name": entry.dataset, "expectations": []})
