"""The errors of librdkafka, and which of them need an operator."""

from confluent_kafka import KafkaError

from shared_kernel.buses.kafka.options import KafkaOptions
from shared_kernel.buses.port import BusMisconfiguredError

# Names with a line before them are of librdkafka, the others of the protocol.
_CREDENTIALS = {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED"}
_ACCESS = {
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
}


def misconfiguration(
    error: KafkaError, options: KafkaOptions
) -> BusMisconfiguredError | None:
    """The error, with how to fix it; None if it is transient."""
    if error.name() in _CREDENTIALS:
        return BusMisconfiguredError(
            f"{options.shown} refuses the credentials: correct KAFKA_SASL_USERNAME, "
            f"KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM ({options.mechanism})"
        )
    # A file that is no certificate is an invalid argument.
    if error.name() in ("_SSL", "_INVALID_ARG"):
        return BusMisconfiguredError(
            f"{options.shown}: {_reason(error)}: correct KAFKA_SECURITY_PROTOCOL "
            f"({options.protocol}), KAFKA_TLS_CA, KAFKA_TLS_CERTIFICATE and "
            "KAFKA_TLS_KEY"
        )
    if error.name() in _ACCESS:
        return BusMisconfiguredError(
            f"{options.shown} forbids it to this user: {error.str()}: allow it with "
            f"kafka-acls.sh --bootstrap-server {options.servers[0]} --add "
            f"--allow-principal User:{options.user or 'ANONYMOUS'} --operation All "
            f"--topic {options.prefix or '*'} --group '*'"
        )
    return None


def _reason(error: KafkaError) -> str:
    """Without the names of librdkafka's threads before it."""
    return str(error.str()).rpartition("]: ")[2]
