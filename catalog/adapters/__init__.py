"""The catalog's adapters: storage, HTTP, command line, and its neighbours' events."""
