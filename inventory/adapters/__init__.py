"""Inventory's adapters: tables, HTTP, command line, and the catalog's events."""
