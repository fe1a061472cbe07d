"""Redis Streams: a stream for each log. Needs the extra `redis`."""
