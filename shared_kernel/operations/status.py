"""The state of all services of the shop, observed here and asked of other processes."""

from collections.abc import Callable, Sequence

import msgspec
from flask import Response

from shared_kernel.operations.observation import ServiceState
from shared_kernel.operations.other_processes import (
    PROCESS,
    SCOPE,
    NotAsked,
    OtherProcesses,
)
from shared_kernel.web.parameters import read_query
from shared_kernel.web.routes import Api, Success

PATH = "/status"
HERE = f"{PATH}?scope={PROCESS}"


class Status(msgspec.Struct, frozen=True):
    """`not_asked` are the services of which nothing is known."""

    services: list[ServiceState]
    not_asked: list[NotAsked] = []


def status_of_the_shop(here: Sequence[ServiceState], others: OtherProcesses) -> Status:
    """Of each service once, those of this process first."""
    answers = others.ask(HERE, Status)
    states = {state.name: state for state in here}
    for document in answers.documents:
        for state in document.services:
            states.setdefault(state.name, state)
    return Status(list(states.values()), list(answers.not_asked))


def add_status(
    api: Api, here: Callable[[], Sequence[ServiceState]], others: OtherProcesses
) -> None:
    @api.route(
        "GET",
        PATH,
        summary="Show how far every part has come",
        peers=True,
        parameters=(SCOPE,),
        success=Success(
            description="The logs, subscriptions and queues of each service; null is "
            "unknown. `not_asked` says of which no process could be asked, and why.",
            schema={
                "type": "object",
                "required": ["services", "not_asked"],
                "properties": {
                    "services": {"type": "array", "items": {"type": "object"}},
                    "not_asked": {"type": "array", "items": {"type": "object"}},
                },
            },
        ),
    )
    def status() -> Response:
        """The other processes of the shop are asked for theirs, unless `scope=process`.

        Unlike `/readyz` it judges nothing.
        """
        if read_query((SCOPE,))["scope"] == PROCESS:
            found = Status(list(here()))
        else:
            found = status_of_the_shop(here(), others)
        body = msgspec.json.encode(found)
        return Response(body, content_type="application/json")
