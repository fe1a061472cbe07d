"""What schemathesis cannot know of the API; `schemathesis.toml` names this module."""

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
    """Send keys that are new and tokens that a write may have answered.

    An `Idempotency-Key` is for one request. A position that no log has come to is
    refused, as it should be.
    """
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and _KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key[:200]}{uuid4().hex}"
    token = case.headers.get("Consistency-Token")
    if isinstance(token, str) and _TOKEN.fullmatch(token):
        case.headers["Consistency-Token"] = re.sub(r"\d+", "0", token)
