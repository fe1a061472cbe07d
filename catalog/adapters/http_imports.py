"""Imports of products over HTTP: sent as a file, registered by workers."""

from datetime import datetime
from pathlib import Path

import attrs
import msgspec
from flask import Response
from sqlalchemy.engine import Connection

from catalog.adapters.http_refusals import (
    IMPORT_HAS_ENDED,
    UNKNOWN_IMPORT,
    UNUSABLE_FILE,
)
from catalog.adapters.imports.product_imports import BeforeCommit, ProductImports
from catalog.adapters.imports.progress import ImportProgress, ImportState
from catalog.adapters.imports.stuck import remedies
from catalog.adapters.product_rows import COLUMNS
from catalog.adapters.services import CommandServices
from shared_kernel.clock import from_us, to_us
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
from shared_kernel.web.commands import Answer
from shared_kernel.web.idempotency import Kept
from shared_kernel.web.parameters import (
    Parameter,
    idempotency_key,
    integer,
    read_query,
)
from shared_kernel.web.problems import INVALID_PARAMETER, Problem
from shared_kernel.web.reading import next_link
from shared_kernel.web.routes import Api, Success
from shared_kernel.web.uploads import Received, Upload

MEDIA_TYPES = {
    "text/csv": CSV,
    "application/x-ndjson": NDJSON,
    "application/jsonl": NDJSON,
}
_NEWEST = integer("limit", "How many at the most.", 1, 1000, default=100)
_PAGE = (_NEWEST, integer("cursor", "Where to go on.", 0, 2**63 - 1, default=0))


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


class ShownImport(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` are known once all are received, the time left while it gets on.

    `remedies` say what to do with one that is stuck.
    """

    id: str
    file: str
    state: str
    rows: int | None
    registered: int
    skipped: int
    refused: int
    rows_per_second: float
    seconds_left: float | None
    begun: datetime
    ended: datetime | None
    refusals: str
    remedies: list[str]


class ShownRefusal(msgspec.Struct, frozen=True):
    """`row` is the line of the file."""

    row: int
    sku: str
    reason: str


def add_imports(api: Api, services: CommandServices) -> None:
    _add_sending(api, services)
    _add_watching(api, services.imports)
    _add_refusals(api, services.imports.progress)


def _add_sending(api: Api, services: CommandServices) -> None:
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
        response = _response(_found(services.imports.progress, import_id), status=202)
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
            return services.imports.receive(file, before_commit)
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


def accepted_one(import_id: str) -> Answer:
    """The answer to one product that is registered later (RFC 9110, §15.3.3)."""
    where = f"/products/imports/{import_id}"
    return Answer(
        status=202,
        body=msgspec.json.encode({"id": import_id, "state": "waiting", "rows": 1}),
        headers={"Location": where, "Preference-Applied": "respond-async"},
    )


def _add_watching(api: Api, imports: ProductImports) -> None:
    @api.route(
        "GET",
        "/products/imports",
        summary="List the imports",
        parameters=(_NEWEST,),
        success=Success(description="The newest first.", kind=list[ShownImport]),
    )
    def list_imports() -> Response:
        newest = imports.progress.newest(read_query((_NEWEST,))["limit"])
        return _json([_shown(each) for each in newest])

    @api.route(
        "GET",
        "/products/imports/<import_id>",
        summary="Watch an import",
        problems=(UNKNOWN_IMPORT,),
        success=Success(
            description="How far it has come; `state` is receiving, waiting, running, "
            "stuck (see `remedies`), done or cancelled.",
            kind=ShownImport,
        ),
    )
    def show_import(import_id: str) -> Response:
        read_query(())
        return _response(_found(imports.progress, import_id))

    @api.route(
        "DELETE",
        "/products/imports/<import_id>",
        summary="Cancel an import",
        problems=(UNKNOWN_IMPORT, IMPORT_HAS_ENDED),
        success=Success(
            description="Nothing more of it is registered; what was done stays.",
            kind=ShownImport,
        ),
    )
    def cancel_import(import_id: str) -> Response:
        read_query(())
        imports.cancel(_found(imports.progress, import_id).id)
        state = _found(imports.progress, import_id)
        if state.state != "cancelled":
            raise Problem(
                IMPORT_HAS_ENDED, f"import {import_id} is {state.state}, not cancelled"
            )
        return _response(state)


def _add_refusals(api: Api, progress: ImportProgress) -> None:
    @api.route(
        "GET",
        "/products/imports/<import_id>/refusals",
        summary="List what an import refused",
        parameters=_PAGE,
        problems=(UNKNOWN_IMPORT,),
        success=Success(
            description="Refused rows with their reasons, in the order of the file.",
            kind=list[ShownRefusal],
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def list_refusals(import_id: str) -> Response:
        asked = read_query(_PAGE)
        state = _found(progress, import_id)
        page = progress.refusals(state.id, asked["cursor"], asked["limit"])
        response = _json([ShownRefusal(r.row, r.subject, r.reason) for r in page])
        if len(page) == asked["limit"]:
            response.headers.update(next_link(**asked | {"cursor": page[-1].row}))
        return response

    @api.route(
        "GET",
        "/products/imports/<import_id>/refusals.csv",
        summary="Get the refused rows as a file",
        problems=(UNKNOWN_IMPORT,),
        success=Success(
            description="Correct the rows and send them again; `reason` is ignored.",
            schema={"type": "string"},
            media_type="text/csv",
        ),
    )
    def refused_rows(import_id: str) -> Response:
        read_query(())
        state = _found(progress, import_id)
        return Response(
            progress.refused_csv(state),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": "attachment; filename=refused.csv"},
        )


def _found(progress: ImportProgress, import_id: str) -> ImportState:
    state = progress.state(import_id)
    if state is None:
        raise Problem(UNKNOWN_IMPORT, f"there is no import {import_id}")
    return state


def _response(state: ImportState, status: int = 200) -> Response:
    return _json(_shown(state), status)


def _json(document: object, status: int = 200) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, status, content_type="application/json")


def _shown(state: ImportState) -> ShownImport:
    return ShownImport(
        id=state.id,
        file=state.file,
        state=state.state,
        rows=state.rows,
        registered=state.registered,
        skipped=state.skipped,
        refused=state.refused,
        rows_per_second=state.rate_per_second,
        seconds_left=state.seconds_left,
        begun=from_us(state.begun_us),
        ended=None if state.ended_us is None else from_us(state.ended_us),
        refusals=f"/products/imports/{state.id}/refusals",
        remedies=list(remedies(state)),
    )
