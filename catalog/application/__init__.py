"""What can be asked of the catalog: commands, and one handler for each."""
