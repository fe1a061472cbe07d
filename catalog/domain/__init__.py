"""The domain model of what we sell: pure, without clock, storage or web."""
