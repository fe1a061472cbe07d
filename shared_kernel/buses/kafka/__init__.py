"""Kafka: a topic for each log. Needs the extra `kafka`."""
