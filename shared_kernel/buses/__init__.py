"""Buses hurry events along. Each may lose, repeat, reorder or delay what it carries."""
