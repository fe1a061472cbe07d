"""The text of a token: `sh_`, 256 random bits, and a checksum.

Scanners of source code recognise the prefix, and by the checksum a real token without
asking the shop. Only the SHA-256 of a token is kept: with 256 random bits nothing can
be tried out, so a slow hash would protect nothing more.
"""

import hashlib
import re
import secrets
import zlib
from collections.abc import Callable

PREFIX = "sh_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_DIGITS, _CHECK_DIGITS = 43, 6
_TOKEN = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_SECRET_DIGITS + _CHECK_DIGITS}}}")


def new_token(random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    secret = _in_digits(int.from_bytes(random(32)), _SECRET_DIGITS)
    return f"{PREFIX}{secret}{_check(secret)}"


def digest_of(shown: str) -> bytes | None:
    """The 32 bytes that are kept of a token; None if `shown` cannot be one."""
    if not _TOKEN.fullmatch(shown):
        return None
    secret = shown.removeprefix(PREFIX)
    if _check(secret[:_SECRET_DIGITS]) != secret[_SECRET_DIGITS:]:
        return None
    return hashlib.sha256(shown.encode()).digest()


def _check(secret: str) -> str:
    return _in_digits(zlib.crc32(secret.encode()), _CHECK_DIGITS)


def _in_digits(number: int, length: int) -> str:
    """In base 62, with leading zeros."""
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
