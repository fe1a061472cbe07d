"""The domain model of shipping: pure, without clock, storage or web."""
