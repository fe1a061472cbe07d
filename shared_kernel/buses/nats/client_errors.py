"""The errors of nats-py, and which of them need an operator."""

import nats.errors

from shared_kernel.buses.port import BusMisconfiguredError


def misconfiguration(error: Exception, servers: str) -> BusMisconfiguredError | None:
    """The error, with how to fix it; None if it is transient."""
    if isinstance(error, BusMisconfiguredError):
        return error
    text = str(error).lower()
    if isinstance(error, nats.errors.AuthorizationError) or "authorization" in text:
        return BusMisconfiguredError(
            f"NATS at {servers} refuses the credentials: correct those in BUS_URL or "
            "QUEUE_URL, NATS_TOKEN or NATS_CREDENTIALS"
        )
    if isinstance(error, nats.errors.SecureConnRequiredError):
        return BusMisconfiguredError(
            f"NATS at {servers} speaks TLS only: set NATS_TLS_CA"
        )
    if isinstance(error, nats.errors.SecureConnWantedError):
        return BusMisconfiguredError(
            f"NATS at {servers} does not speak TLS: unset NATS_TLS_CA, "
            "NATS_TLS_CERTIFICATE and NATS_TLS_KEY, or have it speak TLS"
        )
    if "certificate" in text or "ssl" in type(error).__name__.lower():
        return BusMisconfiguredError(
            f"NATS at {servers}: {error}: correct NATS_TLS_CA, "
            "NATS_TLS_CERTIFICATE and NATS_TLS_KEY"
        )
    return None
