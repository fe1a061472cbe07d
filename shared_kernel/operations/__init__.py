"""For operators: what can be measured, and commands that look after the data."""
