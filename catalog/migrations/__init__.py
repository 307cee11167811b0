"""Migrations of the schema `hub`."""
