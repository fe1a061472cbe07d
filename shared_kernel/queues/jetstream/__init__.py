"""JetStream hurries jobs to workers by a stream; the rows remain the queue."""
