"""Only Google's tokens, for this shop and of its service account, are accepted."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from shared_kernel.buses.pubsub.pushes import (
    CertificatesMissingError,
    RefusedTokenError,
)
from shared_kernel.buses.pubsub.tokens import (
    LOOK_AGAIN_S,
    Certificates,
    Fetched,
    GoogleTokens,
    fetch,
)
from tests.shared_kernel.buses.pubsub.issuer import DOOR, Issuer, an_issuer

GOOGLE = an_issuer()
LIAR = Issuer(an_issuer("liar").key, GOOGLE.key_id)


class Published:
    """What Google publishes; counts how often it is fetched."""

    def __init__(self, *issuers: Issuer, age_s: float = 3600.0) -> None:
        self.issuers = list(issuers)
        self.age_s = age_s
        self.fetched = 0
        self.is_away = False

    def __call__(self) -> Fetched:
        self.fetched += 1
        if self.is_away:
            raise CertificatesMissingError("away")
        return {each.key_id: each.certificate for each in self.issuers}, self.age_s


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def tokens(published: Published, clock: Clock | None = None) -> GoogleTokens:
    return GoogleTokens(DOOR, Certificates(published, clock or Clock()))


def test_a_token_of_google_for_this_shop_is_accepted() -> None:
    tokens(Published(GOOGLE)).verify(GOOGLE.token())


NOW = int(time.time())
LIES = {
    "signed by somebody else": LIAR.token(),
    "no signature": GOOGLE.unsigned(),
    "HS256 with the certificate as secret": GOOGLE.signed_with_the_certificate(),
    "another algorithm": GOOGLE.token({"alg": "RS512"}),
    "an algorithm that is none": GOOGLE.token({"alg": ["RS256"]}),
    "no key id": GOOGLE.token({"kid": None}),
    "a key that nobody has": GOOGLE.token({"kid": "unknown"}),
    "a key id that is none": GOOGLE.token({"kid": {"first": 1}}),
    "another issuer": GOOGLE.token(iss="https://accounts.google.com.evil.test"),
    "an issuer without a scheme": GOOGLE.token(iss="accounts.google.com"),
    "another audience": GOOGLE.token(aud="https://other.example"),
    "several audiences": GOOGLE.token(aud=[DOOR.audience, "https://other.example"]),
    "another account": GOOGLE.token(email="me@evil.test"),
    "no account": GOOGLE.token(email=None),
    "an account that is not verified": GOOGLE.token(email_verified=False),
    "verified in words": GOOGLE.token(email_verified="true"),
    "verified in numbers": GOOGLE.token(email_verified=1),
    "expired": GOOGLE.token(iat=NOW - 7200, exp=NOW - 3600),
    "not yet": GOOGLE.token(iat=NOW + 3600, exp=NOW + 7200),
    "no end": GOOGLE.token(exp=None),
    "times as text": GOOGLE.token(iat="now", exp="later"),
    "altered": GOOGLE.token()[:-6] + "AAAAAA",
    "cut": GOOGLE.token().rpartition(".")[0],
    "nothing": "",
    "not a token": "a.b.c",
    "very long": "a" * 100_000,
}


@pytest.mark.parametrize("lie", LIES)
def test_any_other_token_is_refused(lie: str) -> None:
    with pytest.raises(RefusedTokenError, match="expected"):
        tokens(Published(GOOGLE)).verify(LIES[lie])


def test_what_is_refused_is_not_repeated() -> None:
    """What it says goes to the sender, and perhaps into logs."""
    with pytest.raises(RefusedTokenError) as raised:
        tokens(Published(GOOGLE)).verify(GOOGLE.token(email="secret@evil.test"))

    assert "secret" not in str(raised.value)


def test_certificates_are_fetched_once_while_they_hold() -> None:
    published, clock = Published(GOOGLE), Clock()
    ours = tokens(published, clock)

    for _ in range(3):
        ours.verify(GOOGLE.token())
    assert published.fetched == 1

    clock.now_s += 3600
    ours.verify(GOOGLE.token())
    assert published.fetched == 2


def test_after_a_change_of_keys_the_new_one_is_accepted_and_the_old_one_not() -> None:
    published, clock = Published(GOOGLE), Clock()
    ours, new = tokens(published, clock), an_issuer("second")
    ours.verify(GOOGLE.token())

    published.issuers = [new]
    clock.now_s += LOOK_AGAIN_S
    ours.verify(new.token())

    with pytest.raises(RefusedTokenError):
        ours.verify(GOOGLE.token())


def test_tokens_with_unknown_keys_do_not_make_us_ask_google_each_time() -> None:
    published = Published(GOOGLE)
    ours = tokens(published)

    for number in range(20):
        with pytest.raises(RefusedTokenError):
            ours.verify(GOOGLE.token({"kid": f"unknown-{number}"}))

    assert published.fetched == 1


def test_while_google_is_away_the_certificates_serve_that_still_hold() -> None:
    published, clock = Published(GOOGLE), Clock()
    ours = tokens(published, clock)
    ours.verify(GOOGLE.token())
    published.is_away = True

    clock.now_s += 3599
    ours.verify(GOOGLE.token())

    clock.now_s += 1
    with pytest.raises(CertificatesMissingError):
        ours.verify(GOOGLE.token())


class _Google(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/certs"
        self.send_response(200 if found else 404)
        self.send_header("Cache-Control", "public, max-age=1234, must-revalidate")
        self.end_headers()
        published = {GOOGLE.key_id: GOOGLE.certificate}
        self.wfile.write(msgspec.json.encode(published) if found else b"no")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def google() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Google) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_certificates_come_by_http_with_the_time_for_which_they_hold(
    google: str,
) -> None:
    found, age_s = fetch(f"{google}/certs")

    assert (list(found), age_s) == ([GOOGLE.key_id], 1234.0)


@pytest.mark.parametrize("path", ["/other", ":1/nobody"])
def test_an_answer_without_certificates_is_told(google: str, path: str) -> None:
    url = "http://127.0.0.1" + path if path.startswith(":") else google + path

    with pytest.raises(CertificatesMissingError, match="127"):
        fetch(url)
