"""HTTP, both ways: what contexts answer, and what they ask of other processes."""
