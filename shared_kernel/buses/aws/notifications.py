"""What SNS posts over HTTP, and whether SNS signed it.

Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
"""

import base64
import re
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

NOTIFICATION = "Notification"
SUBSCRIPTION = "SubscriptionConfirmation"
UNSUBSCRIPTION = "UnsubscribeConfirmation"
MOST_AGE = timedelta(hours=1)
_HASHES: dict[str, Any] = {"1": SHA1, "2": SHA256}
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SIGNED[UNSUBSCRIPTION] = _SIGNED[SUBSCRIPTION]
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:([A-Za-z0-9_.-]+)")
_HOST = re.compile(r"https://sns\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/([^\s#]*)")
_CERTIFICATE = re.compile(r"[A-Za-z0-9_-]{1,100}\.pem")


class RefusedNotificationError(Exception):
    """It may not come from SNS. The message says what was expected."""


class Notification(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """As it was posted; nothing of it is proven yet. Other fields are not read."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(name="SubscribeURL", default=None)

    @property
    def topic(self) -> str:
        """Its name."""
        return self.topic_arn.rpartition(":")[2]

    @property
    def region(self) -> str:
        """Raises RefusedNotificationError."""
        return region_of(self.topic_arn)


def region_of(topic_arn: str) -> str:
    """Raises RefusedNotificationError."""
    match = _TOPIC.fullmatch(topic_arn)
    if match is None:
        raise RefusedNotificationError(
            f"TopicArn is {topic_arn!r}, expected the ARN of a topic"
        )
    return match[1]


def signed_text(notification: Notification) -> bytes:
    """What the signature is over. Raises RefusedNotificationError."""
    version = notification.signature_version
    if version not in _HASHES:
        raise RefusedNotificationError(
            f"SignatureVersion is {version!r}, expected 1 or 2"
        )
    fields = _SIGNED.get(notification.type)
    if fields is None:
        raise RefusedNotificationError(
            f"Type is {notification.type!r}, expected {', '.join(_SIGNED)}"
        )
    given = msgspec.to_builtins(notification)
    lines = [
        f"{name}\n{given[name]}\n" for name in fields if given.get(name) is not None
    ]
    return "".join(lines).encode()


def check_age(notification: Notification, now: datetime) -> None:
    """Raises RefusedNotificationError."""
    try:
        age = now - datetime.fromisoformat(notification.timestamp)
    # TypeError: a time without a zone.
    except (ValueError, TypeError):
        age = None
    if age is None or abs(age) > MOST_AGE:
        raise RefusedNotificationError(
            f"Timestamp is {notification.timestamp!r}, expected one that is at most an "
            "hour from now"
        )


def check_certificate_url(notification: Notification) -> str:
    """The URL, if it is one of SNS in the topic's region.

    Raises RefusedNotificationError.
    """
    url = notification.signing_cert_url
    path = _path(url, notification.region)
    if path is None or _CERTIFICATE.fullmatch(path) is None:
        raise RefusedNotificationError(
            f"SigningCertURL is {url!r}, expected "
            f"https://sns.{notification.region}.amazonaws.com/….pem"
        )
    return url


def check_subscribe_url(notification: Notification) -> str:
    """The URL, if it leads to SNS in the topic's region.

    Raises RefusedNotificationError.
    """
    url = notification.subscribe_url or ""
    path = _path(url, notification.region)
    if path is None or not path.startswith("?"):
        raise RefusedNotificationError(
            f"SubscribeURL is {url!r}, expected "
            f"https://sns.{notification.region}.amazonaws.com/?…"
        )
    return url


def check_signature(notification: Notification, key: RSAPublicKey) -> None:
    """Raises RefusedNotificationError."""
    text = signed_text(notification)
    hashes = _HASHES[notification.signature_version]
    try:
        signature = base64.b64decode(notification.signature, validate=True)
        key.verify(signature, text, PKCS1v15(), hashes())
    except (ValueError, InvalidSignature):
        raise RefusedNotificationError(
            "Signature is not that of SNS over this message"
        ) from None


def _path(url: str, region: str) -> str | None:
    """Behind the host, if that is SNS in `region`."""
    match = _HOST.fullmatch(url)
    if match is None or match[1] != region:
        return None
    if bool(match[2]) != region.startswith("cn-"):
        return None
    return match[3]
