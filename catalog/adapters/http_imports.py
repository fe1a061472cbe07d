"""Imports of products over HTTP: sent as a file, registered by workers."""

from datetime import datetime

import attrs
import msgspec
from flask import Response

from catalog.adapters.http_refusals import (
    IMPORT_HAS_ENDED,
    NO_DRY_RUN,
    UNKNOWN_IMPORT,
)
from catalog.adapters.imports.import_options import ImportOptions
from catalog.adapters.imports.import_state import ImportState
from catalog.adapters.imports.product_imports import ProductImports
from catalog.adapters.imports.progress import ImportProgress
from catalog.adapters.imports.stuck import remedies
from catalog.adapters.services import CommandServices
from shared_kernel.clock import from_us
from shared_kernel.web.commands import Answer
from shared_kernel.web.parameters import (
    integer,
    read_query,
)
from shared_kernel.web.problems import Problem
from shared_kernel.web.reading import next_link
from shared_kernel.web.routes import Api, Success

_NEWEST = integer("limit", "How many at the most.", 1, 1000, default=100)
_PAGE = (_NEWEST, integer("cursor", "Where to go on.", 0, 2**63 - 1, default=0))


class ShownImport(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` are known once all are received, the time left while it gets on.

    They are registered, updated, skipped or refused; of a dry run, they would be.
    `remedies` say what to do with one that is stuck, `remarks` what was left out or not
    used of the file. `outcomes` is where a dry run tells of each row.
    """

    id: str
    file: str
    options: ImportOptions
    state: str
    rows: int | None
    registered: int
    updated: int
    skipped: int
    refused: int
    rows_per_second: float
    seconds_left: float | None
    begun: datetime
    ended: datetime | None
    refusals: str
    outcomes: str | None
    remedies: list[str]
    remarks: list[str]


class ShownRefusal(msgspec.Struct, frozen=True):
    """`row` is the line of the file."""

    row: int
    sku: str
    reason: str


class ShownOutcome(msgspec.Struct, frozen=True):
    """What a dry run would do with a row: registered, updated, skipped or refused.

    `detail` says what an update would change, and why a row is refused.
    """

    row: int
    sku: str
    outcome: str
    detail: str


def add_imports(api: Api, services: CommandServices) -> None:
    """To be watched, cancelled and corrected."""
    _add_watching(api, services.imports)
    _add_refusals(api, services.imports.progress)
    _add_outcomes(api, services.imports.progress)


ACCEPTED = Success(
    status=202,
    description="All of it is stored, and workers handle it; watch it at `Location`.",
    kind=ShownImport,
    headers={"Location": "Where the import can be watched."},
)


def accepted(state: ImportState) -> Answer:
    """The answer to what workers do later (RFC 9110, §15.3.3)."""
    return Answer(
        status=ACCEPTED.status,
        body=msgspec.json.encode(_shown(state)),
        headers={"Location": watched_at(state.id)},
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
        """Those that have ended are deleted some days later (`IMPORT_DAYS`)."""
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
        """Rows are registered in parts, each of them once, by any number of workers."""
        read_query(())
        return _json(_shown(found(imports.progress, import_id)))

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
        """From the answer on, even if workers have begun with it, or it is stuck."""
        read_query(())
        imports.cancel(found(imports.progress, import_id).id)
        state = found(imports.progress, import_id)
        if state.state != "cancelled":
            raise Problem(
                IMPORT_HAS_ENDED, f"import {import_id} is {state.state}, not cancelled"
            )
        return _json(_shown(state))


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
        """While the import runs, more may follow after the last page."""
        asked = read_query(_PAGE)
        state = found(progress, import_id)
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
        """With the columns of the file that was sent, and `reason`."""
        read_query(())
        state = found(progress, import_id)
        return Response(
            progress.refused_csv(state),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": "attachment; filename=refused.csv"},
        )


def _add_outcomes(api: Api, progress: ImportProgress) -> None:
    @api.route(
        "GET",
        "/products/imports/<import_id>/outcomes",
        summary="List what a dry run would do",
        parameters=_PAGE,
        problems=(UNKNOWN_IMPORT, NO_DRY_RUN),
        success=Success(
            description="The rows handled so far, in the order of the file.",
            kind=list[ShownOutcome],
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def list_outcomes(import_id: str) -> Response:
        """Rows of a foreign file that are left out are not among them."""
        asked = read_query(_PAGE)
        state = found(progress, import_id)
        if not state.options.dry_run:
            raise Problem(NO_DRY_RUN, f"import {import_id} has no `dry_run`")
        page = progress.outcomes(state.id, asked["cursor"], asked["limit"])
        response = _json([ShownOutcome(*attrs.astuple(each)) for each in page])
        if len(page) == asked["limit"]:
            response.headers.update(next_link(**asked | {"cursor": page[-1].row}))
        return response


def watched_at(import_id: str) -> str:
    """Its path."""
    return f"/products/imports/{import_id}"


def found(progress: ImportProgress, import_id: str) -> ImportState:
    """Raises Problem."""
    state = progress.state(import_id)
    if state is None:
        raise Problem(UNKNOWN_IMPORT, f"there is no import {import_id}")
    return state


def _json(document: object) -> Response:
    return Response(msgspec.json.encode(document), content_type="application/json")


def _shown(state: ImportState) -> ShownImport:
    return ShownImport(
        id=state.id,
        file=state.file,
        options=state.options,
        state=state.state,
        rows=state.rows,
        registered=state.registered,
        updated=state.updated,
        skipped=state.skipped,
        refused=state.refused,
        rows_per_second=state.rate_per_second,
        seconds_left=state.seconds_left,
        begun=from_us(state.begun_us),
        ended=None if state.ended_us is None else from_us(state.ended_us),
        refusals=f"{watched_at(state.id)}/refusals",
        outcomes=f"{watched_at(state.id)}/outcomes" if state.options.dry_run else None,
        remedies=list(remedies(state)),
        remarks=state.remarks,
    )
