"""An issuer of tokens, as Google is one, and liars of all kinds."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from shared_kernel.buses.pubsub.pushes import PushDoor
from shared_kernel.buses.pubsub.tokens import ISSUER

DOOR = PushDoor(
    url="https://shop.example",
    account="push@project.iam.gserviceaccount.com",
    audience="https://shop.example",
)


@attrs.frozen
class Issuer:
    key: rsa.RSAPrivateKey
    key_id: str

    @property
    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def token(self, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """`claims` and `header` instead of what is right."""
        signed = _signed_part(self._header(header), claims)
        scheme = padding.PKCS1v15()
        signature = self.key.sign(signed.encode(), scheme, hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"

    def unsigned(self) -> str:
        return f"{_signed_part(self._header({'alg': 'none'}), {})}."

    def signed_with_the_certificate(self) -> str:
        """HS256: the certificate, which everybody knows, as the secret."""
        signed = _signed_part(self._header({"alg": "HS256"}), {})
        secret = self.certificate.encode()
        signature = hmac.digest(secret, signed.encode(), hashlib.sha256)
        return f"{signed}.{_encoded(signature)}"

    def _header(self, header: Mapping[str, Any] | None) -> dict[str, Any]:
        return {"alg": "RS256", "kid": self.key_id, "typ": "JWT", **(header or {})}


@cache
def an_issuer(key_id: str = "first") -> Issuer:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Issuer(key, key_id)


def _signed_part(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    now = int(time.time())
    right = {
        "iss": ISSUER,
        "aud": DOOR.audience,
        "email": DOOR.account,
        "email_verified": True,
        "sub": "1",
        "iat": now,
        "exp": now + 3600,
    }
    parts = [header, {**right, **claims}]
    return ".".join(_encoded(json.dumps(each).encode()) for each in parts)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
