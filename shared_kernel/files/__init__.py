"""Commands in bulk, from files: streamed, in chunks, with progress and refusals."""
