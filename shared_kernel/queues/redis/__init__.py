"""Redis hurries jobs to workers, in the layout of rmq; the rows remain the queue."""
