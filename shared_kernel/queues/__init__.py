"""Work that is pulled: a job is a row; competing consumers take and settle it."""
