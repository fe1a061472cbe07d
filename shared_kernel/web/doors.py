"""Lets in who shows a token with the scope of the route (RFC 6750)."""

from collections.abc import Callable, Mapping, Sequence
from hmac import compare_digest

from flask import Flask, g, request

from shared_kernel.doors.principal import ANYONE, Principal
from shared_kernel.doors.scopes import PEER
from shared_kernel.web.problems import Problem, kind
from shared_kernel.web.routes import Api

REALM = 'Bearer realm="storehouse"'

UNAUTHENTICATED = kind(
    "unauthenticated",
    401,
    "Show a valid token",
    "Send `Authorization: Bearer`, a space, and a token of `tokens create`. What is "
    "unknown, has expired or was revoked is refused alike.",
)
INSUFFICIENT_SCOPE = kind(
    "insufficient-scope",
    403,
    "The token is not for this",
    "`scope` is what the token would need; `tokens list` shows what it has.",
)


Recognise = Callable[[str], Principal | None]
"""The principal whose token that is, None if it is not valid."""


def recognised_by(tokens: Recognise, peer_token: str | None) -> Recognise:
    """`peer_token` is the secret that the processes of one shop share."""
    peer = Principal("peer", (PEER,))

    def recognise(shown: str) -> Principal | None:
        if peer_token and compare_digest(shown.encode(), peer_token.encode()):
            return peer
        return tokens(shown)

    return recognise


def guard(
    app: Flask,
    apis: Sequence[Api],
    recognise: Recognise,
    pages: Mapping[str, Sequence[str]],
) -> None:
    """Ask for a token on all routes but those that need no scope.

    `pages` are the scopes of blueprints that `apis` do not declare. What neither names
    needs a token with any scope.
    """
    needed = {
        endpoint: scopes for api in apis for endpoint, scopes in api.scopes.items()
    }
    any_scope = sorted({scope for each in needed.values() for scope in each} - {PEER})

    def look() -> None:
        endpoint = request.endpoint
        if endpoint is None:
            return
        scopes = needed.get(endpoint)
        if scopes is None:
            scopes = pages.get(request.blueprint or "", any_scope)
        g.principal = _principal(recognise, scopes) if scopes else ANYONE

    app.before_request(look)


def _principal(recognise: Recognise, scopes: Sequence[str]) -> Principal:
    shown = request.headers.get("Authorization", "")
    if not shown:
        raise _unauthenticated("no token was shown", REALM)
    scheme, _, token = shown.partition(" ")
    principal = recognise(token.strip()) if scheme.lower() == "bearer" else None
    if principal is None:
        challenge = f'{REALM}, error="invalid_token"'
        raise _unauthenticated("the token is not valid", challenge)
    if principal.may(scopes):
        return principal
    scope = scopes[0]
    raise Problem(
        INSUFFICIENT_SCOPE,
        f"the token {principal.name} does not have the scope {scope}",
        headers={
            "WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'
        },
        scope=scope,
    )


def _unauthenticated(why: str, challenge: str) -> Problem:
    return Problem(
        UNAUTHENTICATED,
        f"{why}: send one that `tokens create` has shown",
        headers={"WWW-Authenticate": challenge},
    )
