"""One module a noun. Each function takes a Connection (the caller owns the transaction), returns frozen dataclasses."""
