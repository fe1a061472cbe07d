"""Ports of this machine that nobody uses."""

import random
import socket

PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections.

What is free stays so, and nobody who connects to a closed port reaches himself.
"""
_HOST = "127.0.0.1"


def free_port() -> int:
    while True:
        port = random.choice(PORTS)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    try:
        socket.create_server((_HOST, port)).close()
    except OSError:
        return False
    return True
