"""File formats, one module each: bytes in, record batches out. Nothing here opens a path or a network address."""
