"""Requests for sharing and what they grant: the life of a request, grants, freezes, recalls, openings, reports."""
