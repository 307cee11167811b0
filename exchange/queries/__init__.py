"""Analysts' queries: over what is granted, within limits, recorded; their results, exports and history."""
