"""SQS hurries jobs to workers by a standard queue; the rows remain the queue."""
