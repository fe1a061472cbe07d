"""Where inventory meets technology: its tables, what it publishes, what it hears."""
