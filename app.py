"""The composition root: the only place that knows both contexts."""


import attrs

import catalog.bootstrap
import inventory.bootstrap
from shared_kernel.adapters.bounded_context import BoundedContext, Surroundings
from shared_kernel.adapters.settings import Settings
from shared_kernel.adapters.workers import Workers
from shared_kernel.buses.by_url import bus_by_url
from shared_kernel.buses.port import EventBus


@attrs.frozen(kw_only=True)
class Storehouse:
    """The running system, without a web server around it."""

    surroundings: Surroundings
    catalog: BoundedContext
    inventory: BoundedContext

    @property
    def workers(self) -> Workers:
        return self.surroundings.workers

    @property
    def contexts(self) -> tuple[BoundedContext, ...]:
        return (self.catalog, self.inventory)

    def start(self) -> None:
        """Let the workers run in the background."""
        self.workers.start()

    def stop(self) -> None:
        """Stop the workers after their step, and close bus and databases."""
        self.workers.stop()
        self.surroundings.bus.close()
        for context in self.contexts:
            context.close()


def assemble(settings: Settings, bus: EventBus | None = None) -> Storehouse:
    """Bring the databases up to date and plug the contexts together.

    Starts nothing. Raises StorageUnavailableError.
    """
    surroundings = Surroundings(
        settings=settings, bus=bus or bus_by_url(settings.bus_url)
    )
    catalog_database, catalog_log = catalog.bootstrap.open_log(surroundings)
    of_inventory, settled = inventory.bootstrap.plug_in(surroundings, catalog_log)
    of_catalog = catalog.bootstrap.plug_in(
        surroundings, catalog_database, catalog_log, of_inventory.log, settled
    )
    # In the order in which an event passes them.
    surroundings.workers.employ(
        (
            of_catalog.relay,
            *of_inventory.subscriptions,
            of_inventory.relay,
            *of_catalog.subscriptions,
            *of_catalog.upkeep,
            *of_inventory.upkeep,
        )
    )
    return Storehouse(
        surroundings=surroundings,
        catalog=of_catalog,
        inventory=of_inventory,
    )
