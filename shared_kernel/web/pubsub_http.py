"""Where Pub/Sub posts messages, if the settings say that it does."""

import base64
import binascii
from typing import Annotated

import attrs
import msgspec
from flask import Response, request

from shared_kernel.buses.pubsub.pushes import (
    PATH,
    CertificatesMissingError,
    PushedMessage,
    Pushes,
    RefusedTokenError,
)
from shared_kernel.documents.faults import Fault, FaultKind, faulty
from shared_kernel.documents.schema import Schema
from shared_kernel.doors.scopes import ALL
from shared_kernel.web.bodies import Body, problem_of
from shared_kernel.web.parameters import read_query
from shared_kernel.web.problems import RETRY_AFTER_S, Problem, kind
from shared_kernel.web.routes import Api, Success

NOT_PUBSUB = kind(
    "not-pubsub",
    401,
    "Pub/Sub shows a token of its service account",
    "`Authorization` is not `Bearer`, a space, and a token that Google has signed for "
    "the settings `PUBSUB_PUSH_ACCOUNT` and `PUBSUB_PUSH_AUDIENCE`; `detail` says what "
    "was expected.",
)
NOT_TAKEN = kind(
    "push-not-taken",
    503,
    "The message was not taken",
    "Nobody in this process reads that subscription now, or it could not be handled. "
    "Pub/Sub posts it again.",
)


@attrs.frozen(kw_only=True)
class PubSubMessage:
    messageId: str  # noqa: N815 - so Google names it
    data: Annotated[str, msgspec.Meta(description="In base64.")] = ""
    attributes: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class PubSubPush:
    """As Pub/Sub wraps a message."""

    message: PubSubMessage
    subscription: str


class PushBody(Body[PubSubPush]):
    """Google may add fields."""

    def __init__(self) -> None:
        super().__init__(PubSubPush)
        self._schema = Schema(PubSubPush, more_fields=True)
        self.components = self._schema.components


def pubsub_api(pushes: Pushes) -> Api:
    api = Api(
        "pubsub",
        {"subscription": {"type": "string"}},
        {},
        about="Where Google Pub/Sub posts the messages of subscriptions.",
        # It shows a token of Google's instead.
        scope=ALL,
    )
    body = PushBody()

    @api.route(
        "POST",
        f"{PATH}/<subscription>",
        summary="Take a message of a subscription",
        body=body,
        problems=(NOT_PUBSUB, NOT_TAKEN),
        success=Success(status=204, description="Taken: it need not come again."),
    )
    def take(subscription: str) -> Response:
        """For Pub/Sub only: it shows a token of OpenID Connect."""
        read_query(())
        _refuse_others(pushes)
        push = body.read()
        if push.subscription.rpartition("/")[2] != subscription:
            raise _invalid("/subscription", f"the subscription {subscription}")
        if not pushes.take(subscription, _message(push.message)):
            raise Problem(
                NOT_TAKEN,
                "the message was not taken: it is expected once more",
                headers={"Retry-After": RETRY_AFTER_S},
            )
        return Response(status=204)

    return api


def _refuse_others(pushes: Pushes) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise RefusedTokenError("expected Authorization: Bearer and a token")
        pushes.tokens.verify(token)
    except RefusedTokenError as error:
        challenge = {"WWW-Authenticate": "Bearer"}
        raise Problem(NOT_PUBSUB, str(error), headers=challenge) from None
    except CertificatesMissingError as error:
        retry = {"Retry-After": RETRY_AFTER_S}
        raise Problem(NOT_TAKEN, str(error), headers=retry) from None


def _message(message: PubSubMessage) -> PushedMessage:
    try:
        data = base64.b64decode(message.data, validate=True)
    except binascii.Error:
        raise _invalid("/message/data", "base64") from None
    return PushedMessage(
        data=data, attributes=message.attributes, message_id=message.messageId
    )


def _invalid(pointer: str, expected: str) -> Problem:
    fault = Fault(FaultKind.INVALID_VALUE, pointer, f"expected {expected}")
    return problem_of(faulty([fault]))
