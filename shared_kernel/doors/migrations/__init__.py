"""Revisions of the database of tokens."""
