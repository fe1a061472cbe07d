"""The reference: bare Flask views behind the same server as Storehouse."""

import json
import sys

import click
from flask import Flask, request

from shared_kernel.serving.server import Worker, serve

LISTED = [
    {
        "name": f"Product {number}",
        "code": f"BENCH-{number:07}",
        "description": None,
        "price": {"minor_units": 1999, "currency": "EUR"},
        "status": "listed",
        "availability": "in_stock",
        "last_updated": "2026-01-01T00:00:00.000000Z",
    }
    for number in range(1000)
]


def build(_: Worker) -> Flask:
    app = Flask("bare")

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    @app.post("/products")
    def parse() -> tuple[dict[str, object], int]:
        asked = request.get_json()
        return {"sku": asked["sku"], "version": 1}, 201

    @app.get("/dumps")
    def dumps() -> tuple[str, dict[str, str]]:
        return json.dumps(LISTED), {"Content-Type": "application/json"}

    return app


if __name__ == "__main__":
    port, threads = map(int, sys.argv[1:])
    click.echo(f"bare Flask on {port}")
    serve(build, host="127.0.0.1", port=port, threads=threads)
