"""For operators: status, health, metrics, and commands that maintain the data."""
