"""The kernel's domain: Sku, and the types of aggregate, event, error, unit of work."""
