"""The read model: the product listing, in the form in which it is shown."""
