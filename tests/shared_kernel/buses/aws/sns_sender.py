"""Signs notifications as SNS does, with a certificate of its own."""

import base64
import json
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:new-product"
HOST = f"https://sns.{REGION}.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-0123.pem"
HASHES: dict[str, Any] = {"1": SHA1, "2": SHA256}
SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token",
          "TopicArn", "Type")  # fmt: skip
"""In this order, those that there are."""


@cache
def key(name: str = "sns") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(now: datetime, name: str = "sns", days: int = 30) -> bytes:
    """PEM, valid from a day ago for `days`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begins = now - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key(name).public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(key(name), SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def posted(now: datetime, version: str = "2", **fields: str) -> dict[str, str]:
    """A signed notification; `fields` are given before it is signed."""
    document = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": '{"name": "Lamp", "sku": "LAMP-1", "stock_count": 5}',
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S.000Z}",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **fields,
    }
    return signed(document)


def confirmation(now: datetime, **fields: str) -> dict[str, str]:
    url = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc"
    return posted(
        now,
        **{
            "Type": "SubscriptionConfirmation",
            "Token": "abc",
            "SubscribeURL": url,
            "Message": "You have chosen to subscribe to the topic.",
            **fields,
        },
    )


def signed(document: dict[str, str], by: str = "sns") -> dict[str, str]:
    text = "".join(f"{name}\n{document[name]}\n" for name in SIGNED if name in document)
    hashes = HASHES.get(document["SignatureVersion"], SHA256)
    signature = key(by).sign(text.encode(), PKCS1v15(), hashes())
    return {**document, "Signature": base64.b64encode(signature).decode()}


def raw(document: dict[str, str]) -> bytes:
    return json.dumps(document).encode()
