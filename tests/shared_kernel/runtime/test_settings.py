"""An invalid setting is refused with its name, its value and the accepted values."""

import attrs
import pytest

from app import CONTEXTS, Settings
from shared_kernel.runtime.context import services_of
from shared_kernel.runtime.setting import BadSettingError

DATABASES = [
    database.variable
    for _, service in services_of(CONTEXTS)
    for database in service.databases
]
ADDRESSES = [context.address for context in CONTEXTS]
INVALID = [
    ("TRUSTED_HOSTS", "http://shop.example", "names without ports"),
    ("TRUSTED_HOSTS", "shop.example:8000", "names without ports"),
    ("TRUSTED_HOSTS", "shop.example,*.shop.example", "names without ports"),
    ("TRUSTED_HOSTS", ",", "names without ports"),
    ("BUS_URL", "carrier-pigeon://loft", "inprocess:"),
    ("BUS_URL", "inproces:", "inprocess:"),
    ("BUS_URL", "nats:", "nats://…"),
    ("BUS_URL", "feed://host", "feed:"),
    ("BUS_SUBJECT_PREFIX", "shop.*", "words of letters"),
    ("AUTH", "basic", "tokens or none"),
    ("ACCESS_DATABASE_URL", "mysql://localhost/x", "a SQLite URL with a file"),
    ("NATS_CREDENTIALS", "nowhere.creds", "an existing file"),
    ("NATS_TLS_CA", "nowhere.pem", "an existing file"),
    ("NATS_TLS_CERTIFICATE", "nowhere.pem", "an existing file"),
    ("NATS_TLS_KEY", "nowhere.pem", "an existing file"),
    ("JETSTREAM_STREAM", "store.house", "letters, digits"),
    ("JETSTREAM_REPLICAS", "6", "a whole number from 1 to 5"),
    ("JETSTREAM_DUPLICATE_WINDOW_S", "0", "a whole number from 1 to 86400"),
    ("JETSTREAM_MAX_AGE_HOURS", "0", "a whole number from 1 to 87600"),
    ("REDIS_MAX_AGE_HOURS", "0", "a whole number from 1 to 87600"),
    ("KAFKA_PARTITIONS", "0", "a whole number from 1 to 1000"),
    ("KAFKA_MAX_AGE_HOURS", "0", "a whole number from 1 to 87600"),
    ("KAFKA_SECURITY_PROTOCOL", "TLS", "PLAINTEXT or SSL or SASL_PLAINTEXT or"),
    ("KAFKA_SASL_MECHANISM", "MD5", "PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512"),
    ("KAFKA_TLS_CA", "nowhere.pem", "an existing file"),
    ("KAFKA_TLS_CERTIFICATE", "nowhere.pem", "an existing file"),
    ("KAFKA_TLS_KEY", "nowhere.pem", "an existing file"),
    ("PUBSUB_EMULATOR_HOST", "127.0.0.1", "host:port"),
    ("PUBSUB_ENDPOINT", "pubsub.googleapis.com", "host:port"),
    ("PUBSUB_MAX_AGE_HOURS", "745", "a whole number from 1 to 744"),
    ("PUBSUB_ACK_DEADLINE_S", "9", "a whole number from 10 to 600"),
    ("PUBSUB_EXACTLY_ONCE", "perhaps", "no or yes"),
    ("AWS_TOPICS", "ordered", "standard or fifo"),
    ("SNS_HTTP_TOPICS", "new-product", "ARNs of topics"),
    (
        "SNS_HTTP_TOPICS",
        "arn:aws:sns:eu-west-1:123456789012:new-product",
        "nothing, unless BUS_URL is sns+sqs://region",
    ),
    ("AWS_RETENTION_HOURS", "337", "a whole number from 1 to 336"),
    ("PUBSUB_PUSH_ACCOUNT", "me", "an e-mail address"),
    ("PUBSUB_PUSH_URL", "shop.example", "the address of the other process"),
    ("QUEUE_URL", "sql://host", "sql:, or a Redis URL"),
    ("QUEUE_URL", "kafka://host", "Kafka is no queue"),
    ("QUEUE_MAX_AGE_HOURS", "337", "a whole number from 1 to 336"),
    ("QUEUE_SIZE", "0", "a whole number from 1 to 10000"),
    ("QUEUE_POLL_INTERVAL_MS", "0", "a whole number from 1 to 60000"),
    ("QUEUE_THREADS", "0", "a whole number from 1 to 256"),
    ("QUEUE_ATTEMPTS", "0", "a whole number from 1 to 1000"),
    ("QUEUE_BACKOFF_MS", "0", "a whole number from 1 to 3600000"),
    ("QUEUE_MAX_BACKOFF_S", "0", "a whole number from 1 to 86400"),
    ("IMPORT_MAX_MIB", "0", "a whole number from 1 to 100000"),
    ("IMPORTS_AT_ONCE", "0", "a whole number from 1 to 1000"),
    ("IMPORT_DAYS", "0", "a whole number from 1 to 36500"),
    ("SERVICES", "inventory", "all of catalog-commands,catalog-queries,inventory"),
    ("SERVICES", "catalog-commands", "since BUS_URL inprocess: joins one process only"),
    ("SERVICES", "catalog-commands,catalog-queries,inventory,sales", "some of"),
    ("COPIES", "two", "one or several"),
    ("CATALOG_URL", "elsewhere:8001", "http://127.0.0.1:8001"),
    ("INVENTORY_URL", "http://elsewhere:x", "http://127.0.0.1:8001"),
    ("PEER_TIMEOUT_MS", "0", "a whole number from 10 to 60000"),
    *((name, "http://elsewhere", "nothing") for name in ADDRESSES),
    ("SQLITE_SYNCHRONOUS", "OFF", "FULL or NORMAL"),
    ("PORT", "0", "a whole number from 1 to 65535"),
    ("PORT", "65536", "a whole number from 1 to 65535"),
    ("PORT", "http", "a whole number"),
    ("PORT", "-1", "a whole number"),
    ("PORT", "8_000", "a whole number"),
    ("DATABASE_POOL_SIZE", "1", "a whole number from 2 to 500"),
    ("DATABASE_TIMEOUT_MS", "99", "a whole number from 100 to 600000"),
    ("IDEMPOTENCY_KEY_HOURS", "0", "a whole number from 1 to 87600"),
    ("DEAD_LETTERS_ALLOWED", "-1", "a whole number from 0 to 1000000000"),
    ("HISTORY_DAYS", "-1", "a whole number from 0 to 36500"),
    ("WORKERS", "0", "a whole number from 1 to 64"),
    ("WORKERS", "2", "1, since CATALOG_DATABASE_URL is a SQLite file"),
    ("THREADS", "0", "a whole number from 1 to 256"),
    ("BODY_TIMEOUT_S", "0", "a whole number from 1 to 600"),
    ("CONSISTENCY_TIMEOUT_MS", "60001", "a whole number from 0 to 60000"),
    ("RESERVATION_MINUTES", "0", "a whole number from 1 to 525600"),
    ("LOG_LEVEL", "LOUD", "DEBUG or INFO or WARNING or ERROR"),
    ("LOG_FORMAT", "xml", "console or json"),
    *((name, "var/catalog.db", "a SQLite URL with a file") for name in DATABASES),
    *((name, "sqlite://", "a SQLite URL with a file") for name in DATABASES),
    *((name, "sqlite:///:memory:", "a SQLite URL") for name in DATABASES),
    *((name, "mysql://localhost/x", "a SQLite URL") for name in DATABASES),
    *(
        (name, "postgresql://host", "postgresql://user:password@host/shop")
        for name in DATABASES
    ),
    *((name, "postgresql+psycopg2://host/x", "postgresql://") for name in DATABASES),
    *((name, "postgresql://host/x?schema=A-b", "?schema=shop") for name in DATABASES),
]


def test_every_setting_has_a_default() -> None:
    assert Settings.from_environment({}) == Settings()


def test_an_empty_value_counts_as_unset() -> None:
    names = [field.metadata["env"] for field in attrs.fields(Settings)]

    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings()


def test_settings_are_read_from_variables() -> None:
    settings = Settings.from_environment(
        {
            "HOST": "0.0.0.0",
            "PORT": "9000",
            "SQLITE_SYNCHRONOUS": "normal",
            "CATALOG_DATABASE_URL": "sqlite:////data/catalog.db",
            "SERVICES": ", ".join(reversed(Settings.all_services())),
        }
    )

    assert (settings.host, settings.port) == ("0.0.0.0", 9000)
    assert settings.sqlite_synchronous == "NORMAL"
    assert vars(settings)["catalog_database_url"] == "sqlite:////data/catalog.db"
    assert settings.services == Settings().services


def test_trusted_hosts_are_normalised_as_in_browsers() -> None:
    settings = Settings.from_environment(
        {"TRUSTED_HOSTS": "Shop.example, .stores.example,[0:0::1]"}
    )

    assert settings.trusted_hosts == ("shop.example", ".stores.example", "::1")


@pytest.mark.parametrize(("variable", "value", "accepted"), INVALID)
def test_an_invalid_value_is_refused_with_the_accepted_ones(
    variable: str, value: str, accepted: str
) -> None:
    with pytest.raises(BadSettingError) as raised:
        Settings.from_environment({variable: value})

    message = str(raised.value)
    assert variable in message
    assert repr(value) in message
    assert accepted in message


@pytest.mark.parametrize("one", DATABASES)
@pytest.mark.parametrize("other", DATABASES)
def test_two_owners_do_not_share_a_file(one: str, other: str) -> None:
    """Law 6: each owner has a database of its own."""
    if one == other:
        return
    with pytest.raises(BadSettingError, match="another file than"):
        Settings.from_environment({one: "sqlite:///x.db", other: "sqlite:///x.db"})


def test_every_variable_except_plain_text_has_an_invalid_value_above() -> None:
    tested = {variable for variable, _, _ in INVALID}
    known = {field.metadata["env"] for field in attrs.fields(Settings)}

    assert known - tested == {
        "HOST",
        "KAFKA_SASL_PASSWORD",
        "KAFKA_SASL_USERNAME",
        "NATS_TOKEN",
        "NEW_PRODUCTS_LIST",
        "PEER_TOKEN",
        "PUBSUB_PUSH_AUDIENCE",
    }


SPLIT = {
    "BUS_URL": "feed:",
    "SERVICES": "catalog-queries",
    "CATALOG_URL": "http://commands:8001/",
    "INVENTORY_URL": "http://inventory:8003",
}


def test_a_service_runs_alone_if_it_has_the_addresses_of_the_others() -> None:
    settings = Settings.from_environment(SPLIT)

    assert settings.services == {"catalog-queries"}
    assert settings.addresses == {
        "catalog-commands": "http://commands:8001",
        "inventory": "http://inventory:8003",
    }


@pytest.mark.parametrize("missing", ["CATALOG_URL", "INVENTORY_URL"])
def test_a_missing_address_is_refused_with_the_correction(missing: str) -> None:
    with pytest.raises(BadSettingError) as raised:
        Settings.from_environment(SPLIT | {missing: ""})

    service = {"CATALOG_URL": "catalog-commands", "INVENTORY_URL": "inventory"}[missing]
    assert str(raised.value) == (
        f"{missing} is not set; expected the address of the process that runs "
        f"{service}, such as http://127.0.0.1:8001, or that service among SERVICES"
    )


def test_the_address_of_a_service_that_is_not_needed_may_be_unset() -> None:
    given = {"BUS_URL": "feed:", "SERVICES": "catalog-commands"}
    address = {"CATALOG_URL": "http://queries:8002"}

    settings = Settings.from_environment(given | address)

    assert settings.addresses == {"catalog-queries": "http://queries:8002"}


def test_a_process_with_the_commands_asks_the_one_with_the_queries() -> None:
    settings = Settings.from_environment(
        SPLIT | {"SERVICES": "catalog-commands,inventory"}
    )

    assert settings.addresses["catalog-queries"] == "http://commands:8001"


def test_two_owners_do_not_share_a_schema() -> None:
    """Law 6: each owner has a database, or a schema of one, of its own."""
    one, other = "postgresql://db/shop", "postgresql://you@db/shop?schema=public"
    given = {"CATALOG_DATABASE_URL": one, "INVENTORY_DATABASE_URL": other}

    with pytest.raises(BadSettingError, match="another database or schema than"):
        Settings.from_environment(given)

    other = f"{one}?schema=inventory"
    Settings.from_environment(given | {"INVENTORY_DATABASE_URL": other})


def test_several_workers_may_share_files_if_copies_is_several() -> None:
    given = {"WORKERS": "2", "COPIES": "several"}

    assert Settings.from_environment(given).workers == 2


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("url", ["//me:secret@db/x", "//db/x?password=secret"])
def test_the_password_of_a_database_is_never_shown(name: str, url: str) -> None:
    for given in (f"postgresql:{url}", f"mysql:{url}"):
        try:
            shown = repr(Settings.from_environment({name: given}))
        except BadSettingError as error:
            shown = str(error)

        assert "secret" not in shown


@pytest.mark.parametrize("url", ["nats://me:secret@h1,h2", "nat://secret@h1"])
def test_a_secret_is_never_shown(url: str) -> None:
    given = {"BUS_URL": url, "NATS_TOKEN": "secret"}
    try:
        shown = repr(Settings.from_environment(given))
    except BadSettingError as error:
        shown = str(error)

    assert "secret" not in shown


def test_a_worker_runs_the_services_whose_queues_it_consumes() -> None:
    given = SPLIT | {"SERVICES": "worker", "CATALOG_URL": "http://queries:8002"}

    settings = Settings.from_environment(given)

    assert settings.running == {"catalog-commands"}
    assert settings.consumes_queues


def test_all_services_without_the_worker_may_run_in_one_process() -> None:
    services = ",".join(each for each in Settings.all_services() if each != "worker")

    settings = Settings.from_environment({"SERVICES": services})

    assert settings.runs_everything
    assert not settings.consumes_queues


def test_processes_of_a_shop_with_tokens_need_a_secret_of_their_own() -> None:
    split = {
        "AUTH": "tokens",
        "BUS_URL": "feed:",
        "SERVICES": "inventory",
        "CATALOG_URL": "http://127.0.0.1:8001",
    }

    with pytest.raises(
        BadSettingError, match="PEER_TOKEN is not set; expected a secre"
    ):
        Settings.from_environment(split)
    Settings.from_environment({**split, "PEER_TOKEN": "secret"})


def test_several_workers_may_share_a_file_of_tokens() -> None:
    postgres = {
        name: f"postgresql://host/shop?schema={name.lower()}" for name in DATABASES
    }

    Settings.from_environment({"WORKERS": "2", **postgres})
