"""What schemathesis cannot know of the API; `schemathesis.toml` names this module."""

from typing import Any
from uuid import uuid4

import schemathesis


@schemathesis.hook
def before_call(
    _: schemathesis.HookContext, case: schemathesis.Case, __: dict[str, Any]
) -> None:
    """An `Idempotency-Key` is for one request, so none is drawn twice."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and key.isprintable() and " " not in key:
        case.headers["Idempotency-Key"] = f"{key[:200]}{uuid4().hex}"
