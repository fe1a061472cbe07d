"""What readers see: the stock movements, in the shape in which they are shown."""
