"""The catalog over HTTP. Rules: `features/catalog`; form: RFC 9110 and RFC 9457."""

from catalog.adapters.http_commands import add_changes, add_registration
from catalog.adapters.http_imports import add_imports
from catalog.adapters.http_reads import add_listing, add_product
from catalog.adapters.http_refusals import CATALOG_REFUSALS
from catalog.adapters.http_sent_imports import add_sent_imports
from catalog.adapters.services import CommandServices, QueryServices
from shared_kernel.domain.sku import SKU_SCHEMA
from shared_kernel.web.routes import Api

_NAME, _ABOUT = "catalog", "What is sold: products, their names and prices."
_SKU = {"sku": SKU_SCHEMA}
_IMPORT = {
    "import_id": {
        "type": "string",
        "pattern": "^[0-9a-f-]{36}$",
        "examples": ["01932c07-209f-7000-8000-0123456789ab"],
    }
}


def commands_api(services: CommandServices) -> Api:
    api = Api("catalog-commands", _SKU | _IMPORT, CATALOG_REFUSALS, _NAME, _ABOUT)
    add_registration(api, services)
    add_changes(api, services)
    add_sent_imports(api, services)
    add_imports(api, services)
    return api


def queries_api(services: QueryServices) -> Api:
    api = Api("catalog-queries", _SKU, CATALOG_REFUSALS, _NAME, _ABOUT)
    add_listing(api, services)
    add_product(api, services)
    return api
