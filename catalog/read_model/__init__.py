"""What readers see: the product listing, in the shape in which it is shown."""
