"""SNS and SQS: a topic for each log, a queue for each reader. Needs the extra `aws`."""
