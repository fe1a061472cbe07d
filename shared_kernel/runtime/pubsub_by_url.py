"""The bus on Pub/Sub that `BUS_URL` names. Needs the extra `google`."""

from collections.abc import Sequence

from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.pubsub.bus import PubSubBus
from shared_kernel.buses.pubsub.connection import PubSubConnection
from shared_kernel.buses.pubsub.declared import Terms
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.buses.pubsub.pushes import PushDoor, Pushes
from shared_kernel.buses.pubsub.tokens import GoogleTokens
from shared_kernel.runtime.settings import Settings


def pubsub_bus(settings: Settings, subjects: Sequence[str]) -> EventBus:
    """`subjects` are patterns of all published events.

    Raises BusMisconfiguredError.
    """
    try:
        address = PubSubAddress.of(
            settings.bus_url,
            settings.pubsub_emulator_host,
            settings.pubsub_endpoint,
        )
    except ValueError as error:
        raise BusMisconfiguredError(f"BUS_URL: expected {error}") from error
    door = _door(settings)
    names = Names(address.project, settings.bus_subject_prefix or "")
    return PubSubBus(
        PubSubConnection(address, names.heartbeats),
        names,
        terms_of(settings),
        published=subjects,
        pushes=Pushes(GoogleTokens(door)) if door else None,
    )


def terms_of(settings: Settings) -> Terms:
    return Terms(
        ack_deadline_s=settings.pubsub_ack_deadline_s,
        max_age_s=settings.pubsub_max_age_hours * 3600,
        exactly_once=settings.pubsub_exactly_once == "yes",
        push=_door(settings),
    )


def _door(settings: Settings) -> PushDoor | None:
    """Raises BusMisconfiguredError."""
    url, account = settings.pubsub_push_url, settings.pubsub_push_account
    if url is None:
        return None
    if account is None:
        raise BusMisconfiguredError(
            "PUBSUB_PUSH_ACCOUNT is not set; expected the e-mail address of the "
            "service account that posts to PUBSUB_PUSH_URL"
        )
    audience = settings.pubsub_push_audience or url
    return PushDoor(url=url, account=account, audience=audience)
