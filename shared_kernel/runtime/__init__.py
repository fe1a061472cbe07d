"""A process: its settings, the services that it runs, and their workers."""
