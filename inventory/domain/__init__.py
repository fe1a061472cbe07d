"""The rules of stock. Pure: time and identity come in as arguments."""
