"""The catalog's commands, and one handler for each."""
