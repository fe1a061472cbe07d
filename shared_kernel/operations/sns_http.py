"""The route to which SNS posts notifications, if SNS_HTTP_TOPICS names topics."""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response

from shared_kernel.buses.aws.certificates import CertificateMissingError
from shared_kernel.buses.aws.door import NotTakenError, SnsDoor
from shared_kernel.buses.aws.notifications import (
    Notification,
    RefusedNotificationError,
)
from shared_kernel.doors.scopes import ALL
from shared_kernel.web.bodies import Body, body_bytes
from shared_kernel.web.problems import (
    BODY_TOO_LARGE,
    MALFORMED_JSON,
    REQUEST_TIMEOUT,
    RETRY_AFTER_S,
    Problem,
    kind,
)
from shared_kernel.web.routes import Api, Success

TOPIC = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_.-]{1,256}$",
    "examples": ["storehouse-shop-01a2"],
}
"""The schema of a topic's name in a path."""
REFUSED = kind(
    "refused-notification",
    403,
    "It is not known to come from SNS",
    "`detail` says what was expected: a topic in `SNS_HTTP_TOPICS`, a time within an "
    "hour, and a signature of AWS. Raw message delivery has no signature: turn it off.",
)
NOT_TAKEN = kind(
    "notification-not-taken",
    503,
    "The notification was not taken",
    "Nobody here takes it now, or AWS cannot be asked for its certificate. SNS posts "
    "it again.",
)
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": [
        "Type",
        "MessageId",
        "TopicArn",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
    ],
    "properties": {
        "Type": {
            "enum": [
                "Notification",
                "SubscriptionConfirmation",
                "UnsubscribeConfirmation",
            ]
        },
        "Message": {"type": "string", "description": "A CloudEvent, or foreign JSON."},
        **{
            name: {"type": "string"}
            for name in (
                "MessageId",
                "TopicArn",
                "Timestamp",
                "SignatureVersion",
                "Signature",
                "SigningCertURL",
                "Subject",
                "Token",
                "SubscribeURL",
            )
        },
    },
}


class _Posted(Body[Notification]):
    """SNS calls its JSON `text/plain`, and may add fields."""

    problems = (MALFORMED_JSON, REQUEST_TIMEOUT, BODY_TOO_LARGE)

    def __init__(self) -> None:
        self.kind = Notification
        self.required = True
        self.components = {}

    @property
    def content(self) -> Mapping[str, Any]:
        return {"text/plain": _SCHEMA}

    def read(self) -> Notification:
        """Raises Problem."""
        try:
            return msgspec.json.decode(body_bytes(), type=Notification)
        except ValueError as error:
            raise Problem(
                MALFORMED_JSON, f"{error}; expected what SNS posts, with its signature"
            ) from None


def sns_api(door: SnsDoor) -> Api:
    api = Api("sns", {"topic": TOPIC}, {}, about="What SNS posts to this process.")
    posted = _Posted()

    @api.route(
        "POST",
        "/sns/<topic>",
        summary="Take a notification of SNS",
        body=posted,
        success=Success(status=204, description="Taken: SNS may forget it."),
        problems=(REFUSED, NOT_TAKEN),
        # SNS shows no token: it signs.
        scope=ALL,
    )
    def take_notification(topic: str) -> Response:
        """Confirms subscriptions, too. Events only hurry: the log has them."""
        try:
            door.take(posted.read(), topic)
        except RefusedNotificationError as error:
            raise Problem(REFUSED, str(error)) from None
        except (NotTakenError, CertificateMissingError) as error:
            raise Problem(
                NOT_TAKEN, str(error), headers={"Retry-After": str(RETRY_AFTER_S)}
            ) from None
        return Response(status=204)

    return api
