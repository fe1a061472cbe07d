"""Brings a database to the shape the code expects; one history for each database."""
