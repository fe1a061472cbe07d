"""Topics and subscriptions: made if they are missing, and compared if they are not."""

from collections.abc import Callable
from typing import Any

import attrs
import structlog
from google.api_core.exceptions import AlreadyExists, Forbidden, NotFound
from google.pubsub_v1 import types

from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.buses.pubsub.connection import Clients, ask
from shared_kernel.buses.pubsub.pushes import PushDoor

SHORTEST_DEADLINE_S = 10
"""Google accepts no shorter one."""
MAX_AGE_S = 7 * 24 * 3600
FIRST_BACKOFF_NS, MAX_BACKOFF_S = 100_000_000, 5

_log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class Terms:
    """How a subscription delivers.

    What is not answered within `ack_deadline_s` seconds comes again. It keeps messages
    for `max_age_s` seconds, and is itself kept for `expires_s` seconds without a
    reader; without it, as Google does. With `push` its messages are posted there.
    """

    ack_deadline_s: int = SHORTEST_DEADLINE_S
    max_age_s: int = MAX_AGE_S
    exactly_once: bool = False
    expires_s: int | None = None
    push: PushDoor | None = None


def ensure_topic(clients: Clients, topic: str) -> bool:
    """Return whether it was made now. Raises BusMisconfiguredError if it is refused."""
    try:
        ask(clients.publisher.get_topic, {"topic": topic})
    except NotFound:
        command = f"gcloud pubsub topics create {topic}"
        return _made(
            lambda: ask(clients.publisher.create_topic, {"name": topic}), command
        )
    return False


def ensure_subscription(clients: Clients, name: str, topic: str, terms: Terms) -> None:
    """One that cannot be changed into the declared one is deleted and made anew.

    Raises BusMisconfiguredError if that is refused.
    """
    wanted = _subscription(name, topic, terms)
    try:
        found = ask(clients.subscriber.get_subscription, {"subscription": name})
    except NotFound:
        _create(clients, wanted)
        return
    if wrong := _wrong(found, wanted):
        _delete(clients, name, wrong)
        _create(clients, wanted)
    elif changed := _changed(found, wanted):
        request = {"subscription": wanted, "update_mask": {"paths": changed}}
        ask(clients.subscriber.update_subscription, request)


def _delete(clients: Clients, name: str, wrong: str) -> None:
    _log.warning("subscription is made anew", subscription=name, reason=wrong)
    try:
        ask(clients.subscriber.delete_subscription, {"subscription": name})
    except Forbidden as error:
        raise BusMisconfiguredError(
            f"the subscription {name} {wrong}, and Pub/Sub refuses: {error.message}: "
            f"let an operator run: gcloud pubsub subscriptions delete {name}"
        ) from error


def _create(clients: Clients, wanted: types.Subscription) -> None:
    command = (
        f"gcloud pubsub subscriptions create {wanted.name} --topic={wanted.topic} "
        "--enable-message-ordering"
    )
    _made(lambda: ask(clients.subscriber.create_subscription, wanted), command)


def _made(create: Callable[[], Any], command: str) -> bool:
    try:
        create()
    except AlreadyExists:
        return False
    except Forbidden as error:
        raise BusMisconfiguredError(
            f"Pub/Sub refuses: {error.message}: let an operator run: {command}"
        ) from error
    return True


def _subscription(name: str, topic: str, terms: Terms) -> types.Subscription:
    wanted = types.Subscription(
        name=name,
        topic=topic,
        ack_deadline_seconds=terms.ack_deadline_s,
        message_retention_duration={"seconds": terms.max_age_s},
        enable_message_ordering=True,
        enable_exactly_once_delivery=terms.exactly_once,
        retry_policy={
            "minimum_backoff": {"nanos": FIRST_BACKOFF_NS},
            "maximum_backoff": {"seconds": MAX_BACKOFF_S},
        },
    )
    if terms.expires_s:
        ttl = {"seconds": terms.expires_s}
        wanted.expiration_policy = types.ExpirationPolicy(ttl=ttl)
    if terms.push:
        wanted.push_config = types.PushConfig(
            push_endpoint=terms.push.endpoint(name),
            oidc_token={
                "service_account_email": terms.push.account,
                "audience": terms.push.audience,
            },
        )
    return wanted


def _wrong(found: types.Subscription, wanted: types.Subscription) -> str:
    """What Google lets nobody change."""
    if found.topic != wanted.topic:
        return f"is of the topic {found.topic}"
    if not found.enable_message_ordering:
        return "does not keep messages in order"
    return "has a filter, which makes gaps" if found.filter else ""


def _changed(found: types.Subscription, wanted: types.Subscription) -> list[str]:
    compared = (
        "ack_deadline_seconds",
        "message_retention_duration",
        "enable_exactly_once_delivery",
        "retry_policy",
    )
    changed = [
        each for each in compared if getattr(found, each) != getattr(wanted, each)
    ]
    here, there = found.push_config, wanted.push_config
    same = (here.push_endpoint, here.oidc_token) == (
        there.push_endpoint,
        there.oidc_token,
    )
    return changed if same else [*changed, "push_config"]
