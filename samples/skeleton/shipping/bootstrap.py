"""Declares shipping: its service, databases, events and subscriptions."""

from pathlib import Path

from shared_kernel.events.consistency import Reader
from shared_kernel.runtime.context import (
    Context,
    DeclaredService,
    Follows,
    OwnDatabase,
    Relation,
)
from shared_kernel.runtime.service_builder import ServiceBuilder
from shipping import published
from shipping.adapters import catalog_acl
from shipping.adapters.http import shipping_api
from shipping.adapters.services import (
    ShippingServices,
    SqlShippingUnitOfWork,
    keep_products,
)
from shipping.read_model import parcel_list

NAME = "shipping"
FOLLOWS_CATALOG = "shipping.catalog"
PARCELS = "shipping.parcels"
_MIGRATIONS = Path(__file__).parent / "adapters" / "migrations"


def build(builder: ServiceBuilder) -> ShippingServices:
    database, read_database = builder.databases
    log, progress = builder.log, builder.runtime.progress
    of_catalog = builder.subscription(
        FOLLOWS_CATALOG, catalog_acl.SOURCE, database, keep_products
    )
    of_parcels = builder.subscription(
        PARCELS, NAME, read_database, parcel_list.project, parcel_list.clear
    )
    followed = {catalog_acl.SOURCE: of_catalog.cursor.saved}
    heads = {catalog_acl.SOURCE: of_catalog.feed.head, NAME: log.head}
    return ShippingServices(
        consistency_timeout_ms=builder.runtime.settings.consistency_timeout_ms,
        clock=builder.clock,
        writer=builder.writer(SqlShippingUnitOfWork),
        read_database=read_database,
        products=Reader(
            cursors={**followed, NAME: log.head}, heads=heads, progress=progress
        ),
        parcels=Reader(
            cursors={**followed, NAME: of_parcels.cursor.saved},
            heads=heads,
            progress=progress,
        ),
    )


CONTEXT = Context(
    name=NAME,
    address="SHIPPING_URL",
    published=published.SUBJECTS,
    services=(
        DeclaredService(
            name=NAME,
            build=build,
            databases=(
                OwnDatabase(
                    "SHIPPING_DATABASE_URL",
                    "var/shipping.db",
                    _MIGRATIONS / "commands",
                    log=True,
                ),
                OwnDatabase(
                    "SHIPPING_READ_DATABASE_URL",
                    "var/shipping_read.db",
                    _MIGRATIONS / "parcels",
                ),
            ),
            follows=(
                Follows(
                    subscription=FOLLOWS_CATALOG,
                    source=catalog_acl.SOURCE,
                    pattern="product.>",
                    relations=(
                        Relation.CUSTOMER_SUPPLIER,
                        Relation.PUBLISHED_LANGUAGE,
                        Relation.ANTI_CORRUPTION_LAYER,
                    ),
                    reads={catalog_acl.ProductSeen: ("product.*",)},
                ),
                Follows(
                    subscription=PARCELS,
                    source=NAME,
                    pattern="parcel.>",
                    reads={parcel_list.ParcelSeen: ("parcel.*",)},
                ),
            ),
            api=shipping_api,
        ),
    ),
)
