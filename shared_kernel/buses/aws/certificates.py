"""The certificates with which SNS signs: fetched from AWS, kept for a while."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

import attrs
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from shared_kernel.buses.aws.notifications import RefusedNotificationError
from shared_kernel.clock import Clock, system_clock

MOST = 16
"""How many are kept; the one that was not used for the longest time goes first."""
KEPT_S = 24 * 3600.0
FAILED_S = 30.0
"""For so long a URL that could not be fetched is not tried again."""
MOST_BYTES = 20_000

Fetch = Callable[[str], bytes]
"""The body at a URL of AWS. Raises OSError."""


class CertificateMissingError(Exception):
    """It cannot be fetched now. Trying again later is right."""


@attrs.frozen
class _Known:
    key: RSAPublicKey | None
    begins: datetime
    ends: datetime
    until_s: float


class Certificates:
    """Any thread may ask. One certificate is fetched at a time."""

    def __init__(
        self,
        fetch: Fetch,
        clock: Clock = system_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._monotonic = monotonic
        self._state = threading.Lock()
        self._fetching = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    @property
    def count(self) -> int:
        return len(self._known)

    def key(self, url: str) -> RSAPublicKey:
        """`url` was checked: it leads to AWS.

        Raises CertificateMissingError, and RefusedNotificationError for one that has
        expired or is none.
        """
        known = self._kept(url)
        if known is None:
            with self._fetching:
                known = self._kept(url) or self._keep(url, self._fetched(url))
        if known.key is None:
            raise CertificateMissingError(f"{url} could not be fetched a moment ago")
        if not known.begins <= self._clock() <= known.ends:
            raise RefusedNotificationError(
                f"the certificate at {url} is valid until {known.ends:%Y-%m-%d}"
            )
        return known.key

    def _kept(self, url: str) -> _Known | None:
        with self._state:
            known = self._known.get(url)
            if known is None or self._monotonic() >= known.until_s:
                return None
            self._known.move_to_end(url)
            return known

    def _keep(self, url: str, known: _Known) -> _Known:
        with self._state:
            self._known[url] = known
            self._known.move_to_end(url)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return known

    def _fetched(self, url: str) -> _Known:
        """Raises RefusedNotificationError."""
        now = self._monotonic()
        try:
            pem = self._fetch(url)
        except OSError:
            moment = self._clock()
            return _Known(None, moment, moment, now + FAILED_S)
        try:
            found = load_pem_x509_certificate(pem[:MOST_BYTES])
            key = found.public_key()
        except ValueError:
            raise _none_at(url) from None
        if not isinstance(key, RSAPublicKey):
            raise _none_at(url)
        return _Known(
            key, found.not_valid_before_utc, found.not_valid_after_utc, now + KEPT_S
        )


def _none_at(url: str) -> RefusedNotificationError:
    return RefusedNotificationError(f"at {url} is no certificate of SNS")
