"""Google Cloud Pub/Sub: a topic for each log. Needs the extra `google`."""
