"""The API under /api/v1, one module a subject; `Api` of portal/service.py declares a use-case in one line."""
