"""What operators do with dead letters."""
