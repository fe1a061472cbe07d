"""Pub/Sub hurries jobs to workers by a subscription; the rows remain the queue."""
