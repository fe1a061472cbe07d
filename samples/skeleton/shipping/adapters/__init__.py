"""Where shipping meets HTTP, SQL, and the catalog's language."""
