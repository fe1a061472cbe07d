"""A broker without a server: other processes may publish on it."""

import attrs

from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import Capabilities, Deliver, Delivery, Leave


class Broker(InProcessBus):
    """Its deliveries never count as just read from a log."""

    capabilities: Capabilities = attrs.evolve(
        InProcessBus.capabilities, between_processes=True, between_replicas=True
    )

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return super().subscribe(
            pattern, group, lambda brought: deliver(Delivery(brought.envelopes))
        )
