"""A broker without a server: it reaches others, who may send what they like."""

import attrs

from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import Capabilities, Deliver, Delivery, Leave


class Broker(InProcessBus):
    """Nothing that it brings passes for read from a log just now."""

    capabilities: Capabilities = attrs.evolve(
        InProcessBus.capabilities, between_processes=True, between_replicas=True
    )

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return super().subscribe(
            pattern, group, lambda brought: deliver(Delivery(brought.envelopes))
        )
