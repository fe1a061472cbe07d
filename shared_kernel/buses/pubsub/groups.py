"""Which groups want events of every log, also of those that do not exist yet.

Each group has a subscription to the topic `storehouse.groups`, which has no messages.
Who makes the topic of a log gives each of these groups a subscription to it, before
anything is published there.
"""

import attrs
from google.api_core.exceptions import NotFound

from shared_kernel.buses.pubsub.connection import Clients, ask
from shared_kernel.buses.pubsub.declared import (
    Terms,
    ensure_subscription,
    ensure_topic,
)
from shared_kernel.buses.pubsub.names import Names


def join(
    clients: Clients, names: Names, group: str, pattern: str, terms: Terms
) -> None:
    """Be told of future logs."""
    ensure_topic(clients, names.groups)
    member = names.member(names.groups, group, pattern)
    # Nothing is ever posted for it.
    ensure_subscription(clients, member, names.groups, attrs.evolve(terms, push=None))


def ensure_log(clients: Clients, names: Names, topic: str, terms: Terms) -> None:
    """The topic of a log, with a subscription for each group."""
    ensure_topic(clients, topic)
    try:
        request = {"topic": names.groups}
        members = list(ask(clients.publisher.list_topic_subscriptions, request))
    except NotFound:
        return
    for each in members:
        mine = names.member(topic, *names.group_of(each))
        ensure_subscription(clients, mine, topic, terms)


def logs(clients: Clients, names: Names) -> set[str]:
    """The topics of all logs."""
    request = {"project": f"projects/{names.project}", "page_size": 1000}
    found = ask(clients.publisher.list_topics, request)
    return {each.name for each in found if names.is_log(each.name)}
