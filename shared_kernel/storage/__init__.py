"""Databases: SQLite files or PostgreSQL, transactions, prepared statements, faults."""
