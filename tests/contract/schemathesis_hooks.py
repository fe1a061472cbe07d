"""What schemathesis cannot derive from the API's description (`schemathesis.toml`)."""

import re
from typing import Any
from uuid import uuid4

import schemathesis

_KEY = re.compile(r"[!-~]{1,255}")
_TOKEN = re.compile(r"((catalog|inventory):\d{1,18}(, ?|$))+")


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext,
    case: "schemathesis.Case[Any]",
    kwargs: dict[str, Any],
) -> None:
    """Send new keys and tokens that a write may have returned.

    An `Idempotency-Key` is for one request. A position beyond the end of its log is
    rightly refused.
    """
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and _KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key[:200]}{uuid4().hex}"
    token = case.headers.get("Consistency-Token")
    if isinstance(token, str) and _TOKEN.fullmatch(token):
        case.headers["Consistency-Token"] = re.sub(r"\d+", "0", token)


@schemathesis.serializer("application/x-ndjson", "application/jsonl")
def lines(context: schemathesis.SerializationContext, value: object) -> bytes:
    """A file is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode()
