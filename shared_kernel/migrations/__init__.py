"""Migrates databases to the schema the code expects, each with its own history."""
