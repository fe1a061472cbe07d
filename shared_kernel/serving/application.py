"""The Flask application: what each service serves, and what they share."""

from pathlib import Path

from flask import Flask

from shared_kernel.buses.pubsub.pushes import Pushes
from shared_kernel.doors.scopes import READ
from shared_kernel.operations.events_pages import events_pages
from shared_kernel.operations.operations_http import Operations, operations_api
from shared_kernel.operations.other_processes import OtherProcesses
from shared_kernel.runtime.running import RunningServices
from shared_kernel.web.doors import guard, recognised_by
from shared_kernel.web.known_hosts import serve_known_hosts, trusted_names
from shared_kernel.web.pages import pages
from shared_kernel.web.pubsub_http import pubsub_api
from shared_kernel.web.routes import set_up_web
from shared_kernel.web.uploads import Upload


def web_application(storehouse: RunningServices) -> Flask:
    """The routes of `storehouse`. Starts nothing."""
    app = Flask("storehouse", root_path=str(Path(__file__).parent), static_folder=None)
    app.extensions["storehouse"] = storehouse
    set_up_web(app)
    settings = storehouse.runtime.settings
    serve_known_hosts(app, trusted_names(settings.trusted_hosts, settings.host))
    operations = Operations(
        services=storehouse.services,
        workers=storehouse.workers,
        clock=storehouse.runtime.clock,
        progress=storehouse.runtime.progress,
        consistency_timeout_ms=storehouse.runtime.settings.consistency_timeout_ms,
        between_processes=storehouse.runtime.bus.capabilities.between_processes,
        consumes_queues=settings.consumes_queues,
        stopping=storehouse.stopping,
        long_polls=storehouse.runtime.settings.threads // 4,
        versions=storehouse.runtime.versions,
        others=others_of(storehouse),
        dead_letters_allowed=settings.dead_letters_allowed,
        peer_token=storehouse.runtime.settings.peer_token,
    )
    served = [each for each in storehouse.services if each.name in settings.services]
    apis = [service.api for service in served]
    apis.append(operations_api(operations))
    pushes = getattr(storehouse.runtime.bus, "pushes", None)
    if isinstance(pushes, Pushes):
        apis.append(pubsub_api(pushes))
    if (door := getattr(storehouse.runtime.bus, "door", None)) is not None:
        # It needs the extra `aws`.
        from shared_kernel.operations.sns_http import sns_api  # noqa: PLC0415

        apis.append(sns_api(door))
    app.extensions["uploads"] = {
        operation.rule: operation.body
        for api in apis
        for operation in api.operations
        if isinstance(operation.body, Upload)
    }
    app.extensions["apis"] = apis
    for api in apis:
        app.register_blueprint(api.blueprint)
    if settings.asks_for_tokens:
        recognise = recognised_by(storehouse.tokens.principal, settings.peer_token)
        of_pages = {
            page.name: (f"{service.api.tag}:{READ}",)
            for service in served
            for page in service.pages
        }
        guard(app, apis, recognise, of_pages)
    app.register_blueprint(
        pages(
            apis,
            storehouse.summary,
            [service.log.source for service in storehouse.writing],
            guarded=settings.asks_for_tokens,
        )
    )
    app.register_blueprint(events_pages(settings.contexts, storehouse.summary))
    for page in [each for service in served for each in service.pages]:
        app.register_blueprint(page)
    return app


def uploads_of(app: Flask) -> dict[str, Upload]:
    """By the path to which files are sent."""
    uploads: dict[str, Upload] = app.extensions["uploads"]
    return uploads


def others_of(storehouse: RunningServices) -> OtherProcesses:
    settings = storehouse.runtime.settings
    return OtherProcesses(
        peers=storehouse.peers,
        here=[each.name for each in storehouse.services],
        declared=settings.declared_services(),
        timeout_s=settings.peer_timeout_ms / 1000,
        token=settings.peer_token,
    )
