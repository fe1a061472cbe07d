"""JSON documents of others: read strictly, by one schema, wherever they come from."""
