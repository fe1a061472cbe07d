"""The read model: the stock movements, in the form in which they are shown."""
