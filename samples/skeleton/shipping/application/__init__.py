"""What can be asked of shipping: commands, and one handler for each."""
