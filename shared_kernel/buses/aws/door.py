"""The door for what SNS posts over HTTP: looks who it is, and brings it to the bus."""

from collections.abc import Callable, Sequence

import structlog
import urllib3
from urllib3.exceptions import HTTPError

from shared_kernel.buses.aws.certificates import (
    MOST_BYTES,
    Certificates,
    Fetch,
)
from shared_kernel.buses.aws.notifications import (
    SUBSCRIPTION,
    UNSUBSCRIPTION,
    Notification,
    RefusedNotificationError,
    check_age,
    check_certificate_url,
    check_signature,
    check_subscribe_url,
    signed_text,
)
from shared_kernel.clock import Clock, system_clock

TIMEOUT_S = 3.0

Bring = Callable[[str, str, str], bool]
"""Topic (its name), message, and the id of the message; whether it was taken."""
_log = structlog.get_logger(__name__)


class NotTakenError(Exception):
    """SNS is to post it again."""


class SnsDoor:
    """`topics` are the ARNs from which notifications are expected."""

    def __init__(
        self,
        topics: Sequence[str],
        bring: Bring,
        fetch: Fetch,
        clock: Clock = system_clock,
        certificates: Certificates | None = None,
    ) -> None:
        self._topics = frozenset(topics)
        self._bring = bring
        self._fetch = fetch
        self._clock = clock
        self._certificates = certificates or Certificates(fetch, clock)

    def take(self, notification: Notification, topic: str) -> None:
        """It was posted to the path of `topic`.

        Raises RefusedNotificationError, CertificateMissingError and NotTakenError.
        """
        self._check(notification, topic)
        if notification.type == SUBSCRIPTION:
            self._confirm(notification)
        elif notification.type == UNSUBSCRIPTION:
            _log.warning("SNS posts nothing any more", topic=notification.topic_arn)
        elif not self._bring(topic, notification.message, notification.message_id):
            raise NotTakenError(f"{notification.message_id} was not taken in time")

    def _check(self, notification: Notification, topic: str) -> None:
        """What costs nothing first. Nothing is fetched for others than ours."""
        arn = notification.topic_arn
        if arn not in self._topics or notification.topic != topic:
            raise RefusedNotificationError(
                f"TopicArn is {arn!r}, expected a topic that SNS_HTTP_TOPICS names, "
                "posted to the path of its name"
            )
        signed_text(notification)
        check_age(notification, self._clock())
        url = check_certificate_url(notification)
        check_signature(notification, self._certificates.key(url))

    def _confirm(self, notification: Notification) -> None:
        url = check_subscribe_url(notification)
        try:
            self._fetch(url)
        except OSError as error:
            raise NotTakenError(
                f"the subscription is not confirmed: {error}"
            ) from error
        _log.info("SNS posts to this process", topic=notification.topic_arn)


def fetched(url: str) -> bytes:
    """Without redirects. Raises OSError."""
    with urllib3.PoolManager() as pool:
        try:
            response = pool.request(
                "GET",
                url,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(total=TIMEOUT_S),
                preload_content=False,
            )
            body = response.read(MOST_BYTES)
            response.close()
        except HTTPError as error:
            raise OSError(str(error)) from error
    if response.status != 200:
        raise OSError(f"{url.partition('?')[0]} answers {response.status}")
    return bytes(body)
