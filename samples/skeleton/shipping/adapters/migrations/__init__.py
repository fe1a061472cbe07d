"""The histories of the two databases of shipping, as Alembic revisions."""
