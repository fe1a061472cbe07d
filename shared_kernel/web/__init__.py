"""HTTP in both directions: serving contexts, and requests to other processes."""
