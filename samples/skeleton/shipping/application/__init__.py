"""The commands of shipping, and one handler for each."""
