"""The histories of inventory's two databases, as Alembic revisions."""
