"""Files of products that are sent over HTTP, to be imported by workers."""

from pathlib import Path

import attrs
import msgspec
from flask import Response
from sqlalchemy.engine import Connection

from catalog.adapters.http_imports import ShownImport, found, response_of
from catalog.adapters.http_refusals import (
    UNUSABLE_FILE,
)
from catalog.adapters.imports.product_imports import BeforeCommit
from catalog.adapters.product_rows import COLUMNS
from catalog.adapters.services import CommandServices
from shared_kernel.clock import to_us
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.reading import (
    Reading,
    delimiter_of,
    encoding_of,
    names_of,
)
from shared_kernel.files.row_file import CSV, FORMATS, NDJSON, RowFile
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.web import idempotency
from shared_kernel.web.idempotency import Kept
from shared_kernel.web.parameters import (
    Parameter,
    idempotency_key,
    read_query,
)
from shared_kernel.web.problems import INVALID_PARAMETER, Problem
from shared_kernel.web.routes import Api, Success
from shared_kernel.web.tracing import traceparent
from shared_kernel.web.uploads import Received, Upload

MEDIA_TYPES = {
    "text/csv": CSV,
    "application/x-ndjson": NDJSON,
    "application/jsonl": NDJSON,
}
_READING = (
    Parameter(
        name="delimiter",
        description="What separates cells: a character, or `tab`. By default it is "
        "recognized.",
        schema={"type": "string", "minLength": 1, "maxLength": 3, "examples": [";"]},
    ),
    Parameter(
        name="encoding",
        description="Of the text, UTF-8 by default, such as `cp1252`.",
        schema={
            "type": "string",
            "minLength": 1,
            "maxLength": 40,
            "examples": ["cp1252"],
        },
    ),
    Parameter(
        name="map",
        description="What columns are called in the file: `theirs=ours`, with `;` "
        "between several.",
        schema={
            "type": "string",
            "minLength": 3,
            "maxLength": 1000,
            "examples": ["Variant SKU=sku"],
        },
    ),
)


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
        parameters=_READING,
        problems=(UNUSABLE_FILE,),
        success=Success(
            status=202,
            description="All rows are stored; workers register them.",
            kind=ShownImport,
            headers={"Location": "Where the import can be watched."},
        ),
    )
    def import_products() -> Response:
        """Rows that are refused are listed with their reasons; the others are done.

        A product that is registered unchanged is skipped. So a file can be sent again.
        With an `Idempotency-Key` it is the same import then.
        """
        reading = _reading()
        key = idempotency_key()
        received = upload.read()
        if key is None:
            import_id = _receive(services, received, reading)
        else:
            import_id = _receive_once(services, received, reading, key)
        response = response_of(found(services.imports.progress, import_id), status=202)
        response.headers["Location"] = f"/products/imports/{import_id}"
        return response


def _reading() -> Reading:
    """As the query says."""
    asked = read_query(_READING)
    delimiter, encoding, names = (asked[each.name] for each in _READING)
    try:
        return Reading(
            delimiter=None if delimiter is None else delimiter_of(delimiter),
            encoding=None if encoding is None else encoding_of(encoding),
            names=names_of(tuple(filter(None, (names or "").split(";")))),
        )
    except UnusableFileError as error:
        raise Problem(INVALID_PARAMETER, str(error)) from error


def _receive(
    services: CommandServices,
    received: Received,
    reading: Reading,
    before_commit: BeforeCommit = lambda _, __: None,
) -> str:
    name, reading = Path(received.name), attrs.evolve(reading, form=received.form)
    try:
        with RowFile(name, COLUMNS, reading, received.file) as file:
            return services.imports.receive(file, before_commit, traceparent())
    except UnusableFileError as error:
        raise Problem(UNUSABLE_FILE, str(error)) from error


def _receive_once(
    services: CommandServices, received: Received, reading: Reading, key: str
) -> str:
    """The same file under the same key is the same import."""

    def keep(connection: Connection, import_id: str) -> None:
        sent = idempotency.fingerprint(received.fingerprint())
        headers = {"Location": f"/products/imports/{import_id}"}
        kept = Kept(sent, 202, headers, msgspec.json.encode(import_id))
        idempotency.keep(connection, key, kept, to_us(services.clock()))

    def find() -> Kept | None:
        with services.log.database.reading() as connection:
            return idempotency.find(connection, key)

    known = find()
    if known is None:
        try:
            return _receive(services, received, reading, keep)
        except ConcurrentUpdateError:
            # It was sent twice at the same time.
            known = find()
    if known is None or known.fingerprint != idempotency.fingerprint(
        received.fingerprint()
    ):
        raise idempotency.reused(key)
    return str(msgspec.json.decode(known.body))
