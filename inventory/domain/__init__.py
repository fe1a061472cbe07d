"""The domain model of stock. Pure: time and identity are arguments."""
