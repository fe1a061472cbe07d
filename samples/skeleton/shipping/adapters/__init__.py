"""The adapters of shipping: tables, HTTP, and the catalog's events."""
