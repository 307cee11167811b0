"""Is it good: contract -> GX suite -> gate plan -> findings; drift; dataset checks. No input, no output, no key."""
