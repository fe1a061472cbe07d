"""Files of products that are sent over HTTP, to be imported by workers."""

from pathlib import Path

import attrs
import msgspec
from flask import Response
from sqlalchemy.engine import Connection

from catalog.adapters.http_import_options import PARAMETERS, asked
from catalog.adapters.http_imports import (
    ACCEPTED,
    accepted,
    found,
    watched_at,
)
from catalog.adapters.http_refusals import (
    UNUSABLE_FILE,
)
from catalog.adapters.imports.import_options import ImportOptions
from catalog.adapters.imports.product_imports import BeforeCommit
from catalog.adapters.product_rows import COLUMNS
from catalog.adapters.services import CommandServices
from shared_kernel.clock import to_us
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.presets import opened
from shared_kernel.files.reading import Reading
from shared_kernel.files.row_file import CSV, FORMATS, NDJSON
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.web import idempotency
from shared_kernel.web.idempotency import Kept
from shared_kernel.web.parameters import idempotency_key
from shared_kernel.web.problems import Problem
from shared_kernel.web.routes import Api
from shared_kernel.web.tracing import traceparent
from shared_kernel.web.uploads import Received, Upload

MEDIA_TYPES = {
    "text/csv": CSV,
    "application/x-ndjson": NDJSON,
    "application/jsonl": NDJSON,
}


@attrs.frozen
class _Sent:
    """A file, and what its sender has said of it."""

    received: Received
    reading: Reading
    options: ImportOptions

    def fingerprint(self) -> bytes:
        """Of the request; reads the rest of the file."""
        return idempotency.fingerprint(self.received.fingerprint())


def add_sent_imports(api: Api, services: CommandServices) -> None:
    upload = Upload(
        most_bytes=services.import_max_mib * 1024**2,
        at_once=services.imports_at_once,
        media_types=MEDIA_TYPES,
        suffixes=FORMATS,
        description=f"CSV with the columns {COLUMNS}; or NDJSON, a line for each "
        "product as POST /products takes it.",
        example="sku,name,stock_count\nLAMP-0002,Floor lamp,7\n",
    )

    @api.route(
        "POST",
        "/products/imports",
        summary="Register the products of a file, in the background",
        body=upload,
        idempotent=True,
        parameters=PARAMETERS,
        problems=(UNUSABLE_FILE,),
        success=ACCEPTED,
    )
    def import_products() -> Response:
        """Rows that are refused are listed with their reasons; the others are done.

        A product that is registered unchanged is skipped. So a file can be sent again.
        With `update` it is made as the file says, unless it was changed after the file
        was sent; with `dry_run` nothing is kept, and `outcomes` tell what would be
        done. With an `Idempotency-Key` it is the same import then.
        """
        reading, options = asked()
        key = idempotency_key()
        sent = _Sent(upload.read(), reading, options)
        if key is None:
            import_id = _receive(services, sent)
        else:
            import_id = _receive_once(services, sent, key)
        return accepted(found(services.imports.progress, import_id)).response()


def _receive(
    services: CommandServices,
    sent: _Sent,
    before_commit: BeforeCommit = lambda _, __: None,
) -> str:
    received, options = sent.received, sent.options
    name, reading = Path(received.name), attrs.evolve(sent.reading, form=received.form)
    try:
        with opened(name, COLUMNS, reading, options.reads, received.file) as file:
            return services.imports.receive(file, options, before_commit, traceparent())
    except UnusableFileError as error:
        raise Problem(UNUSABLE_FILE, str(error)) from error


def _receive_once(services: CommandServices, sent: _Sent, key: str) -> str:
    """The same file, with the same options, under the same key is the same import."""

    def keep(connection: Connection, import_id: str) -> None:
        headers = {"Location": watched_at(import_id)}
        body = msgspec.json.encode(import_id)
        kept = Kept(sent.fingerprint(), 202, headers, body)
        idempotency.keep(connection, key, kept, to_us(services.clock()))

    def find() -> Kept | None:
        with services.log.database.reading() as connection:
            return idempotency.find(connection, key)

    known = find()
    if known is None:
        try:
            return _receive(services, sent, keep)
        except ConcurrentUpdateError:
            # It was sent twice at the same time.
            known = find()
    if known is None or known.fingerprint != sent.fingerprint():
        raise idempotency.reused(key)
    return str(msgspec.json.decode(known.body))
