"""The catalog's doors: storage, HTTP, command line, and its neighbours' events."""
