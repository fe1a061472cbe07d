"""NATS as a bus: core NATS, at most once, and JetStream, at least once."""
