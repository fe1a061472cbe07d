"""The kernel proper: Sku, and the shapes of aggregate, event, refusal, unit of work."""
