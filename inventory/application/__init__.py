"""Inventory's commands, and one handler for each."""
