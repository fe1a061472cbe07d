"""Tokens with which Pub/Sub shows that it is the one that posts (OpenID Connect).

RS256, by Google's certificates, which are fetched and kept as long as Google says.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec
import structlog
import urllib3
from google.auth import jwt as google_jwt

from shared_kernel.buses.pubsub.pushes import (
    CertificatesMissingError,
    PushDoor,
    RefusedTokenError,
)

ISSUER = "https://accounts.google.com"
CERTIFICATES = "https://www.googleapis.com/oauth2/v1/certs"
LONGEST = 8192
"""Characters of a token."""
SKEW_S = 10
TIMEOUT_S = 3.0
FIRST_AGE_S, MAX_AGE_S = 300.0, 24 * 3600.0
LOOK_AGAIN_S = 30.0
"""Unknown keys are looked for this often at most, all requests together."""

# It has no annotations.
jwt: Any = google_jwt
_log = structlog.get_logger(__name__)

Fetched = tuple[Mapping[str, str], float]
"""Certificates (PEM) by key id, and for how many seconds they hold."""


def fetch(url: str = CERTIFICATES) -> Fetched:
    """Raises CertificatesMissingError."""
    try:
        response = urllib3.request("GET", url, timeout=TIMEOUT_S, retries=False)
        if response.status != 200:
            raise CertificatesMissingError(f"{url} answers {response.status}")
        found = msgspec.json.decode(response.data, type=dict[str, str])
    except (urllib3.exceptions.HTTPError, msgspec.MsgspecError) as error:
        raise CertificatesMissingError(f"{url}: {error}") from error
    age = re.search(r"max-age=(\d+)", response.headers.get("Cache-Control", ""))
    return found, min(float(age[1]) if age else FIRST_AGE_S, MAX_AGE_S)


class Certificates:
    """Any thread may ask."""

    def __init__(
        self,
        fetch: Callable[[], Fetched] = fetch,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._one_at_a_time = threading.Lock()
        self._known: Mapping[str, str] = {}
        self._until_s = self._not_before_s = float("-inf")

    def of(self, key: str) -> str | None:
        """The certificate of that key, if there is one.

        Raises CertificatesMissingError.
        """
        with self._one_at_a_time:
            now = self._monotonic()
            is_current = now < self._until_s and key in self._known
            if not is_current and now >= self._not_before_s:
                self._not_before_s = now + LOOK_AGAIN_S
                self._refresh(now)
            if now >= self._until_s:
                raise CertificatesMissingError("no certificates of Google")
            return self._known.get(key)

    def _refresh(self, now: float) -> None:
        try:
            self._known, age_s = self._fetch()
        except CertificatesMissingError as error:
            # Those that still hold may serve.
            _log.warning("certificates cannot be fetched", error=str(error))
        else:
            self._until_s = now + age_s


@attrs.frozen
class GoogleTokens:
    """Accepts those of the account and for the audience of `door`, and no others."""

    door: PushDoor
    certificates: Certificates = attrs.field(factory=Certificates)

    def verify(self, token: str) -> None:
        """Raises RefusedTokenError and CertificatesMissingError."""
        certificate = self.certificates.of(_key_of(token))
        if certificate is None:
            raise RefusedTokenError("expected a token signed with a key of Google")
        try:
            claims = jwt.decode(
                token, certificate, clock_skew_in_seconds=SKEW_S, verify=True
            )
        except (ValueError, TypeError, KeyError) as error:
            raise RefusedTokenError(_expected(error)) from error
        self._check(claims)

    def _check(self, claims: Mapping[str, Any]) -> None:
        expected = {
            "iss": ISSUER,
            "aud": self.door.audience,
            "email": self.door.account,
            "email_verified": True,
        }
        for claim, value in expected.items():
            found = claims.get(claim)
            if found != value or type(found) is not type(value):
                raise RefusedTokenError(f"expected the claim {claim} to be {value}")


def _key_of(token: str) -> str:
    """Raises RefusedTokenError, also for other algorithms than RS256."""
    if len(token) > LONGEST:
        raise RefusedTokenError(f"expected a token of at most {LONGEST} characters")
    try:
        header = jwt.decode_header(token)
        algorithm, key = header["alg"], header["kid"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RefusedTokenError("expected a JSON Web Token with alg and kid") from error
    if algorithm != "RS256" or not isinstance(key, str):
        raise RefusedTokenError("expected the algorithm RS256, and the id of its key")
    return key


def _expected(error: Exception) -> str:
    """What Google's library says has values of the sender in it."""
    if "expired" in str(error):
        return "expected a token that has not expired"
    if "too early" in str(error):
        return "expected a token that holds already"
    return "expected a token with a valid signature and times"
