"""An operator, an account and a user of NATS, as `nsc` would make them."""

import base64
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import nkeys


def _key(kind: int) -> nkeys.KeyPair:
    return nkeys.from_seed(bytearray(_seed(kind)))


def _seed(kind: int) -> bytes:
    seed: bytes = nkeys.encode_seed(secrets.token_bytes(32), kind)
    return seed


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signed(
    issuer: nkeys.KeyPair, subject: str, name: str, kind: str, more: dict[str, Any]
) -> str:
    claims: dict[str, Any] = {
        "iat": 1_700_000_000,
        "iss": issuer.public_key.decode(),
        "name": name,
        "sub": subject,
        "nats": {"type": kind, "version": 2, **more},
    }
    digest = hashlib.sha256(json.dumps(claims).encode()).digest()
    claims["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    header = _base64(b'{"typ":"JWT","alg":"ed25519-nkey"}')
    signing = f"{header}.{_base64(json.dumps(claims).encode())}"
    return f"{signing}.{_base64(issuer.sign(signing.encode()))}"


def an_account(folder: Path) -> tuple[str, Path]:
    """The server's configuration, and the credentials file of a user."""
    operator = _key(nkeys.PREFIX_BYTE_OPERATOR)
    account = _key(nkeys.PREFIX_BYTE_ACCOUNT)
    user_seed = _seed(nkeys.PREFIX_BYTE_USER)
    user = nkeys.from_seed(bytearray(user_seed))
    account_id = account.public_key.decode()
    unlimited = dict.fromkeys(
        ("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1
    )
    limits = {"limits": {**unlimited, "wildcards": True}}
    of_operator = _signed(
        operator, operator.public_key.decode(), "shop", "operator", {}
    )
    of_account = _signed(operator, account_id, "shop", "account", limits)
    of_user = _signed(
        account,
        user.public_key.decode(),
        "storehouse",
        "user",
        {"subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}},
    )
    credentials = folder / "storehouse.creds"
    credentials.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user_seed.decode()}\n"
        "------END USER NKEY SEED------\n"
    )
    configuration = (
        f"operator: {of_operator}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {account_id}: {of_account} }}\n"
    )
    return configuration, credentials
