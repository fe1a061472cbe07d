"""Commands in bulk, from files, and exports: streamed, with progress and refusals."""
