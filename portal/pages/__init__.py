"""The pages, one module a subject; each declares its routes with `Pages`."""
