"""What can be asked of inventory: a command each, and the function that obeys it."""
