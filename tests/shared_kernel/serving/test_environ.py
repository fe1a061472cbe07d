"""The WSGI environ of a request."""

from collections.abc import Sequence

import attrs
import pytest

from shared_kernel.serving.environ import environ_of


@attrs.frozen
class Headers:
    """Like Granian's: `items` omits values that are not ASCII."""

    given: Sequence[tuple[str, str]] = ()

    def items(self) -> Sequence[tuple[str, str]]:
        return [each for each in self.given if each[1].isascii()]

    def keys(self) -> Sequence[str]:
        return list(dict(self.given))

    def __len__(self) -> int:
        return len(self.keys())


@attrs.frozen(kw_only=True)
class Scope:
    method: str = "GET"
    path: str = "/"
    query_string: str = ""
    http_version: str = "1.1"
    scheme: str = "http"
    authority: str | None = None
    server: str = "127.0.0.1:8000"
    client: str = "127.0.0.1:50000"
    headers: Headers = Headers()


def test_headers_become_variables() -> None:
    given = [
        ("host", "shop.example"),
        ("content-type", "text/plain"),
        ("content-length", "5"),
        ("if-match", '"1"'),
    ]

    environ = environ_of(Scope(headers=Headers(given)))

    assert environ["HTTP_HOST"] == "shop.example"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["CONTENT_LENGTH"] == "5"
    assert environ["HTTP_IF_MATCH"] == '"1"'


@pytest.mark.parametrize(
    ("name", "joined"), [("accept", "one,two"), ("cookie", "one;two")]
)
def test_a_header_that_comes_twice_is_joined(name: str, joined: str) -> None:
    environ = environ_of(Scope(headers=Headers([(name, "one"), (name, "two")])))

    assert environ[f"HTTP_{name.upper()}"] == joined


def test_a_header_that_is_not_ascii_is_present_and_empty() -> None:
    given = [("accept", "one"), ("accept", "two"), ("if-match", "é")]

    environ = environ_of(Scope(headers=Headers(given)))

    assert environ["HTTP_IF_MATCH"] == ""


def test_no_header_can_replace_another_variable() -> None:
    given = [("remote-addr", "127.0.0.1"), ("wsgi.input", "x"), ("path-info", "/x")]

    environ = environ_of(Scope(client="192.0.2.7:1", headers=Headers(given)))

    assert environ["REMOTE_ADDR"] == "192.0.2.7"
    assert environ["PATH_INFO"] == "/"
    assert "wsgi.input" not in environ


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("192.0.2.7:50000", "192.0.2.7"),
        ("[::1]:50000", "::1"),
        ("[fe80::1%2]:50000", "fe80::1"),
    ],
)
def test_the_client_is_an_address_without_a_port(client: str, address: str) -> None:
    assert environ_of(Scope(client=client))["REMOTE_ADDR"] == address


def test_a_path_has_a_character_for_each_byte() -> None:
    assert environ_of(Scope(path="/é"))["PATH_INFO"] == "/Ã©"


def test_a_request_without_host_has_that_of_its_target() -> None:
    assert environ_of(Scope(authority="shop.example"))["HTTP_HOST"] == "shop.example"
    assert environ_of(Scope())["HTTP_HOST"] == ""
