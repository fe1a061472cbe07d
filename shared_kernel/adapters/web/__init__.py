"""HTTP as every context speaks it: problems, bodies, parameters, OpenAPI."""
