"""From the services of a process to answered requests: application and server."""
