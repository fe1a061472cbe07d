"""`/openapi.json` describes each class of bodies by its name."""

import msgspec
import pytest
from flask import Response

from shared_kernel.web.openapi import describe
from shared_kernel.web.routes import Api, Success

Lamp = msgspec.defstruct("Lamp", [("watts", int)])
OtherLamp = msgspec.defstruct("Lamp", [("colour", str)])


def described(*kinds: type) -> bytes:
    api = Api("operations", {}, {})
    for number, kind in enumerate(kinds):
        success = Success(description="It.", kind=kind)

        @api.route("GET", f"/lamps-{number}", summary="A lamp", success=success)
        def lamp() -> Response:
            """A lamp."""
            return Response()

    tags = {"operations": "Operations."}
    return describe(api.operations, tags, title="T", version="1", description="D")


def test_the_same_class_may_be_in_several_answers() -> None:
    assert b'"watts"' in described(Lamp, Lamp)


def test_two_classes_with_the_same_name_are_refused() -> None:
    """One was described, and the answers of the other were no longer as described."""
    with pytest.raises(ValueError, match="two classes of bodies are named Lamp"):
        described(Lamp, OtherLamp)
