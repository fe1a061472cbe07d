"""The configuration: environment variables, read once into one frozen class."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import attrs
from sqlalchemy.engine import make_url

from shared_kernel.queues.url import queue_url as queue
from shared_kernel.runtime.context import Context, needed_by, services_of
from shared_kernel.runtime.setting import (
    BadSettingError,
    address,
    between,
    bus,
    database,
    email,
    file,
    host_names,
    one_of,
    peer,
    server,
    setting,
    subject,
    text,
    topics,
    word,
    words,
)

S = TypeVar("S")

WORKER = "worker"
"""Among `SERVICES`: this process consumes the queues of all services that have one."""


@attrs.frozen(kw_only=True, slots=False)
class Settings:
    """Every setting, with its unit in its name. `docs/running.md` explains each.

    Each context may have a class of its own settings; `settings_of` combines them.
    """

    contexts: ClassVar[Sequence[Context]] = ()

    bus_url: str = setting("BUS_URL", "inprocess:", bus, secret=True)
    bus_subject_prefix: str | None = setting("BUS_SUBJECT_PREFIX", None, subject)
    peer_token: str | None = setting("PEER_TOKEN", None, text, secret=True)
    nats_token: str | None = setting("NATS_TOKEN", None, text, secret=True)
    nats_credentials: str | None = setting("NATS_CREDENTIALS", None, file)
    nats_tls_ca: str | None = setting("NATS_TLS_CA", None, file)
    nats_tls_certificate: str | None = setting("NATS_TLS_CERTIFICATE", None, file)
    nats_tls_key: str | None = setting("NATS_TLS_KEY", None, file)
    jetstream_stream: str = setting("JETSTREAM_STREAM", "storehouse", word)
    jetstream_replicas: int = setting("JETSTREAM_REPLICAS", 1, between(1, 5))
    jetstream_duplicate_window_s: int = setting(
        "JETSTREAM_DUPLICATE_WINDOW_S", 120, between(1, 86_400)
    )
    jetstream_max_age_hours: int = setting(
        "JETSTREAM_MAX_AGE_HOURS", 168, between(1, 87_600)
    )
    aws_topics: str = setting("AWS_TOPICS", "standard", one_of("standard", "fifo"))
    aws_retention_hours: int = setting("AWS_RETENTION_HOURS", 168, between(1, 336))
    sns_http_topics: tuple[str, ...] | None = setting("SNS_HTTP_TOPICS", None, topics)
    redis_max_age_hours: int = setting("REDIS_MAX_AGE_HOURS", 168, between(1, 87_600))
    kafka_partitions: int = setting("KAFKA_PARTITIONS", 1, between(1, 1000))
    kafka_max_age_hours: int = setting("KAFKA_MAX_AGE_HOURS", 168, between(1, 87_600))
    kafka_security_protocol: str = setting(
        "KAFKA_SECURITY_PROTOCOL",
        "PLAINTEXT",
        one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    )
    kafka_sasl_mechanism: str = setting(
        "KAFKA_SASL_MECHANISM",
        "SCRAM-SHA-512",
        one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    )
    kafka_sasl_username: str | None = setting("KAFKA_SASL_USERNAME", None, text)
    kafka_sasl_password: str | None = setting(
        "KAFKA_SASL_PASSWORD", None, text, secret=True
    )
    kafka_tls_ca: str | None = setting("KAFKA_TLS_CA", None, file)
    kafka_tls_certificate: str | None = setting("KAFKA_TLS_CERTIFICATE", None, file)
    kafka_tls_key: str | None = setting("KAFKA_TLS_KEY", None, file)
    pubsub_emulator_host: str | None = setting("PUBSUB_EMULATOR_HOST", None, server)
    pubsub_endpoint: str | None = setting("PUBSUB_ENDPOINT", None, server)
    pubsub_max_age_hours: int = setting("PUBSUB_MAX_AGE_HOURS", 168, between(1, 744))
    pubsub_ack_deadline_s: int = setting("PUBSUB_ACK_DEADLINE_S", 10, between(10, 600))
    pubsub_exactly_once: str = setting("PUBSUB_EXACTLY_ONCE", "no", one_of("no", "yes"))
    pubsub_push_url: str | None = setting("PUBSUB_PUSH_URL", None, address)
    pubsub_push_account: str | None = setting("PUBSUB_PUSH_ACCOUNT", None, email)
    pubsub_push_audience: str | None = setting("PUBSUB_PUSH_AUDIENCE", None, text)
    queue_url: str = setting("QUEUE_URL", "sql:", queue, secret=True)
    queue_max_age_hours: int = setting("QUEUE_MAX_AGE_HOURS", 168, between(1, 336))
    queue_size: int = setting("QUEUE_SIZE", 10, between(1, 10_000))
    queue_poll_interval_ms: int = setting(
        "QUEUE_POLL_INTERVAL_MS", 500, between(1, 60_000)
    )
    queue_threads: int = setting("QUEUE_THREADS", 4, between(1, 256))
    queue_attempts: int = setting("QUEUE_ATTEMPTS", 5, between(1, 1000))
    queue_backoff_ms: int = setting("QUEUE_BACKOFF_MS", 1000, between(1, 3_600_000))
    queue_max_backoff_s: int = setting("QUEUE_MAX_BACKOFF_S", 300, between(1, 86_400))
    services: frozenset[str] = setting(
        "SERVICES",
        attrs.Factory(lambda self: frozenset(self.all_services()), takes_self=True),
        words,
    )
    copies: str = setting("COPIES", "one", one_of("one", "several"))
    peer_timeout_ms: int = setting("PEER_TIMEOUT_MS", 1000, between(10, 60_000))
    sqlite_synchronous: str = setting(
        "SQLITE_SYNCHRONOUS", "FULL", one_of("FULL", "NORMAL")
    )
    database_pool_size: int = setting("DATABASE_POOL_SIZE", 5, between(2, 500))
    database_timeout_ms: int = setting(
        "DATABASE_TIMEOUT_MS", 5000, between(100, 600_000)
    )
    idempotency_key_hours: int = setting(
        "IDEMPOTENCY_KEY_HOURS", 24, between(1, 87_600)
    )
    dead_letters_allowed: int = setting(
        "DEAD_LETTERS_ALLOWED", 0, between(0, 1_000_000_000)
    )
    history_days: int = setting("HISTORY_DAYS", 30, between(0, 36_500))
    auth: str | None = setting("AUTH", None, one_of("tokens", "none"))
    access_database_url: str = database("ACCESS_DATABASE_URL", "var/access.db")
    host: str = setting("HOST", "127.0.0.1", text)
    trusted_hosts: tuple[str, ...] | None = setting("TRUSTED_HOSTS", None, host_names)
    port: int = setting("PORT", 8000, between(1, 65535))
    workers: int = setting("WORKERS", 1, between(1, 64))
    threads: int = setting("THREADS", 64, between(1, 256))
    body_timeout_s: int = setting("BODY_TIMEOUT_S", 10, between(1, 600))
    consistency_timeout_ms: int = setting(
        "CONSISTENCY_TIMEOUT_MS", 2000, between(0, 60_000)
    )
    log_level: str = setting(
        "LOG_LEVEL", "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR")
    )
    log_format: str = setting("LOG_FORMAT", "console", one_of("console", "json"))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Empty counts as unset. Raises BadSettingError."""
        given: dict[str, Any] = {}
        for field in attrs.fields(cls):
            variable = field.metadata["env"]
            value = environment.get(variable, "")
            if value:
                try:
                    given[field.name] = field.metadata["read"](value)
                except ValueError as error:
                    raise BadSettingError(variable, value, str(error)) from None
        settings = cls(**given)
        settings._refuse_unknown_services(environment.get("SERVICES"))
        settings._refuse_shared_databases()
        settings._refuse_wrong_split()
        settings._refuse_workers_on_sqlite()
        settings._refuse_nameless_peers()
        settings._refuse_notifications_elsewhere()
        return settings

    @classmethod
    def declared_services(cls) -> list[str]:
        return [service.name for _, service in services_of(cls.contexts)]

    @classmethod
    def all_services(cls) -> list[str]:
        """The declared ones, and `worker` if one of them has a queue."""
        queues = [name for _, each in services_of(cls.contexts) for name in each.queues]
        return [*cls.declared_services(), *([WORKER] if queues else [])]

    @property
    def asks_for_tokens(self) -> bool:
        return self.auth == "tokens"

    @property
    def consumes_queues(self) -> bool:
        return WORKER in self.services

    @property
    def running(self) -> frozenset[str]:
        """The declared services that run here.

        A service with a queue that `worker` consumes runs also if it is not among
        `services`, but then without its routes.
        """
        return frozenset(
            service.name
            for _, service in services_of(self.contexts)
            if service.name in self.services
            or (self.consumes_queues and service.queues)
        )

    @property
    def runs_everything(self) -> bool:
        """All declared services; the queues may be consumed by other processes."""
        return self.services >= set(self.declared_services())

    @property
    def addresses(self) -> Mapping[str, str]:
        """The addresses of services that do not run here, by name."""
        known = ((service, url) for _, url, service, _ in self._addresses_by_context())
        return {service: url for service, url in known if service and url}

    def own(self, kind: type[S]) -> S:
        """The same settings, typed as the class of one context."""
        if not isinstance(self, kind):
            raise TypeError(f"no context of this process has {kind.__name__}")
        return self

    def _addresses_by_context(
        self,
    ) -> Iterator[tuple[str, str | None, str | None, bool]]:
        """For each context: variable, address, the service wanted there, if any.

        The last one is whether a service of this process needs it.
        """
        needed = needed_by(self.contexts, self.running)
        for context in self.contexts:
            field = attrs.fields_dict(type(self))[context.address.lower()]
            elsewhere = [
                each.name for each in context.services if each.name not in self.running
            ]
            wanted = [each for each in elsewhere if each in needed]
            yield (
                field.metadata["env"],
                getattr(self, field.name),
                next(iter([*wanted, *elsewhere]), None),
                bool(wanted),
            )

    def _refuse_unknown_services(self, given: str | None) -> None:
        every = self.all_services()
        if not self.services or not self.services <= set(every):
            raise BadSettingError("SERVICES", given, f"some of {','.join(every)}")

    def _refuse_shared_databases(self) -> None:
        """One database per owner (law 6)."""
        owners: dict[object, str] = {}
        for field in attrs.fields(type(self)):
            if field.name.endswith("_database_url"):
                variable, value = field.metadata["env"], getattr(self, field.name)
                url = make_url(value)
                file = url.get_backend_name() == "sqlite"
                schema = url.query.get("schema", "public")
                server = url.host, url.port, url.query.get("host")
                place = url.database if file else (*server, url.database)
                if (place, schema) in owners:
                    what = "another file" if file else "another database or schema"
                    raise BadSettingError(
                        variable, value, f"{what} than {owners[place, schema]} has"
                    )
                owners[place, schema] = variable

    def _refuse_workers_on_sqlite(self) -> None:
        """Several workers are replicas: SQLite needs `COPIES`, PostgreSQL does not."""
        files = [
            field.metadata["env"]
            for field in attrs.fields(type(self))
            if field.name.endswith("_database_url")
            and field.name != "access_database_url"
            and make_url(getattr(self, field.name)).get_backend_name() == "sqlite"
        ]
        if self.workers > 1 and files and self.copies == "one":
            raise BadSettingError(
                "WORKERS",
                self.workers,
                f"1, since {files[0]} is a SQLite file: use PostgreSQL, or set "
                "COPIES=several",
            )

    def _refuse_nameless_peers(self) -> None:
        if self.asks_for_tokens and self.addresses and not self.peer_token:
            raise BadSettingError(
                "PEER_TOKEN",
                None,
                "a secret, the same in all processes of the shop: with AUTH=tokens "
                "they ask each other for it",
            )

    def _refuse_notifications_elsewhere(self) -> None:
        if self.sns_http_topics and not self.bus_url.startswith("sns+sqs:"):
            raise BadSettingError(
                "SNS_HTTP_TOPICS",
                ",".join(self.sns_http_topics),
                "nothing, unless BUS_URL is sns+sqs://region",
            )

    def _refuse_wrong_split(self) -> None:
        """Each needed service runs here or has an address; with all here, none has."""
        if not self.runs_everything and self.bus_url == "inprocess:":
            raise BadSettingError(
                "SERVICES",
                ",".join(sorted(self.services)),
                f"all of {','.join(self.declared_services())}, since BUS_URL "
                "inprocess: joins one process only: set BUS_URL to feed: or "
                "nats://host for a split",
            )
        for variable, url, service, needed in self._addresses_by_context():
            if needed and url is None:
                raise BadSettingError(
                    variable,
                    url,
                    f"the address of the process that runs {service}, such as "
                    "http://127.0.0.1:8001, or that service among SERVICES",
                )
            if self.runs_everything and url is not None:
                raise BadSettingError(
                    variable,
                    url,
                    "nothing: this process runs all services, so it has no peer",
                )


def settings_of(contexts: Sequence[Context]) -> type[Settings]:
    """The settings class of a process with `contexts`.

    The name of a setting is that of its variable, in lower case.
    """
    declared: dict[str, Any] = {}
    for context in contexts:
        declared[context.address.lower()] = peer(context.address)
        for service in context.services:
            for own in service.databases:
                declared[own.variable.lower()] = database(own.variable, own.file)
    kinds = [each.settings for each in contexts if each.settings is not None]
    made: type[Settings] = attrs.make_class(
        "Settings",
        declared,
        bases=(*kinds, Settings),
        frozen=True,
        kw_only=True,
        slots=False,
    )
    made.contexts = tuple(contexts)
    return made
