"""What schemathesis cannot know of the API; `schemathesis.toml` names this module."""

from typing import Any
from uuid import uuid4

import schemathesis


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext,
    case: "schemathesis.Case[Any]",
    kwargs: dict[str, Any],
) -> None:
    """An `Idempotency-Key` is for one request, so none is drawn twice."""
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and key.isprintable() and " " not in key:
        case.headers["Idempotency-Key"] = f"{key[:200]}{uuid4().hex}"
