"""Two ways to the same Storehouse: through its handlers, and through HTTP."""
