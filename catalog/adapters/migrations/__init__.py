"""The histories of the catalog's two databases, as Alembic revisions."""
