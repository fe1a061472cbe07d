"""What is shown of shipping, in the shape in which it is shown."""
