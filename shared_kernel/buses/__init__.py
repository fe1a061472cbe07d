"""Buses deliver events early. Each may lose, repeat, reorder or delay any of them."""
