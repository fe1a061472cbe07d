"""With AUTH=tokens each route asks for a token with its scope."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import CONTEXTS
from shared_kernel.doors.scopes import scopes_of
from tests.web_clients import Shop, a_shop, problem

SCOPES = scopes_of(context.name for context in CONTEXTS)
PEER = "a secret of all processes"
FREE = {"/healthz"}
FOR_PEERS = {
    "/events/{source}",
    "/events/{source}/log",
    "/events/{source}/keys",
    "/readers/{source}",
    "/status",
    "/dead-letters",
    "/dead-letters/causes",
    "/dead-letters/{letter}",
    "/products",
    "/product",
    "/stock",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with a_shop(
        folder,
        auth="tokens",
        access_database_url=f"sqlite:///{folder}/access.db",
        peer_token=PEER,
    ) as shop:
        yield shop


@pytest.fixture(scope="module")
def tokens(shop: Shop) -> dict[str, str]:
    """One for each scope, and one for all others than that, by `but SCOPE`."""
    made = {}
    for scope in SCOPES:
        name = scope.replace(":", "-")
        create = shop.storehouse.tokens.create
        made[scope] = create(name, frozenset({scope}))
        made[f"but {scope}"] = create(f"but-{name}", frozenset(SCOPES) - {scope})
    return made


def routes(shop: Shop) -> list[tuple[str, str, str]]:
    """Method, rule and endpoint of every route of the application."""
    return [
        (method, re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), rule.endpoint)
        for rule in shop.client.application.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})
    ]


def asked(shop: Shop, method: str, rule: str, token: str | None) -> int:
    """The status of the answer. Nothing in it exists."""
    path = rule.replace("{letter}", "commands:1")
    path = re.sub(r"\{\w+\}", "unknown", path)
    shown = {} if token is None else {"Authorization": f"Bearer {token}"}
    return shop.client.open(path, method=method, headers=shown).status_code


def test_no_route_but_one_answers_without_a_token(shop: Shop) -> None:
    answers = {
        (method, rule): asked(shop, method, rule, None)
        for method, rule, _ in routes(shop)
    }

    open_ones = {rule for (_, rule), status in answers.items() if status != 401}
    assert len(answers) > 50
    assert open_ones == FREE


def test_each_operation_answers_to_its_own_scope_alone(
    shop: Shop, tokens: dict[str, str]
) -> None:
    for api in shop.client.application.extensions["apis"]:
        for operation in api.operations:
            accepted = set(operation.scopes) & set(SCOPES)
            answers = {
                scope: asked(shop, operation.method, operation.rule, tokens[scope])
                for scope in SCOPES
            }

            refused = {scope for scope, status in answers.items() if status == 403}
            assert 401 not in answers.values()
            assert refused == (set(SCOPES) - accepted if operation.scopes else set())
            for scope in accepted:
                token = tokens[f"but {scope}"]
                assert asked(shop, operation.method, operation.rule, token) == 403


def test_reading_and_writing_are_different_scopes(
    shop: Shop, tokens: dict[str, str]
) -> None:
    for method, rule, _ in routes(shop):
        if rule.startswith(("/products", "/stock")):
            context = "catalog" if rule.startswith("/products") else "inventory"
            may = "read" if method == "GET" else "write"
            assert asked(shop, method, rule, tokens[f"{context}:{may}"]) != 403


def test_other_processes_of_the_shop_read_what_they_need_and_nothing_else(
    shop: Shop,
) -> None:
    answered = {
        (method, rule)
        for method, rule, _ in routes(shop)
        if asked(shop, method, rule, PEER) != 403
    }

    assert {rule for _, rule in answered} - FREE == FOR_PEERS
    assert {method for method, _ in answered} == {"GET"}


def test_pages_need_the_scope_of_what_they_show(
    shop: Shop, tokens: dict[str, str]
) -> None:
    assert asked(shop, "GET", "/", tokens["catalog:read"]) == 200
    assert asked(shop, "GET", "/", tokens["but catalog:read"]) == 403
    assert asked(shop, "GET", "/docs", tokens["events:read"]) == 200


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer",
        "Bearer ",
        "Bearer sh_" + "0" * 49,
        "Bearer é",
        "Basic dXNlcjpwYXNz",
        f"Basic {PEER}",
        PEER,
        "bearer",
        "Bearer " + "x" * 5000,
    ],
)
def test_what_is_no_valid_token_is_refused_alike(shop: Shop, shown: str) -> None:
    answer = shop.client.get("/products", headers={"Authorization": shown})

    document = problem(answer, 401, "unauthenticated")
    assert document["detail"].startswith("the token is not valid")
    assert (
        answer.headers["WWW-Authenticate"]
        == 'Bearer realm="storehouse", error="invalid_token"'
    )


def test_without_a_token_the_answer_asks_for_one(shop: Shop) -> None:
    answer = shop.client.get("/products")

    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="storehouse"'


def test_a_revoked_token_looks_like_an_unknown_one(shop: Shop) -> None:
    token = shop.storehouse.tokens.create("leaver", frozenset({"catalog:read"}))
    shop.storehouse.tokens.revoke("leaver")

    shown = [f"Bearer {token}", "Bearer sh_unknown"]
    answers = [
        shop.client.get("/products", headers={"Authorization": each}) for each in shown
    ]

    assert answers[0].data == answers[1].data
    assert answers[0].headers == answers[1].headers


def test_a_token_without_the_scope_is_told_which_it_needs(
    shop: Shop, tokens: dict[str, str]
) -> None:
    answer = shop.client.post(
        "/products",
        json={},
        headers={"Authorization": f"Bearer {tokens['catalog:read']}"},
    )

    document = problem(answer, 403, "insufficient-scope")
    assert document["scope"] == "catalog:write"
    assert "catalog-read does not have the scope catalog:write" in document["detail"]
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer realm="storehouse", error="insufficient_scope", scope="catalog:write"'
    )


def test_a_scheme_is_read_in_any_case(shop: Shop, tokens: dict[str, str]) -> None:
    shown = f"BEARER {tokens['catalog:read']}"

    assert (
        shop.client.get("/products", headers={"Authorization": shown}).status_code
        == 200
    )


def test_openapi_tells_the_scope_of_each_operation(
    shop: Shop, tokens: dict[str, str]
) -> None:
    shown = {"Authorization": f"Bearer {tokens['operator']}"}
    document = shop.client.get("/openapi.json", headers=shown).get_json()

    told = {
        (path, method): operation["security"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert told["/healthz", "get"] == [{}]
    assert told["/products", "post"] == [{"token": ["catalog:write"]}]
    assert told["/events/{source}/keys", "get"] == [{"peer_token": []}]
    assert told["/dead-letters", "get"] == [{"token": ["operator"]}, {"peer_token": []}]
    assert [each for each, security in told.items() if {} in security] == [
        ("/healthz", "get")
    ]
    assert "401" in document["paths"]["/products"]["post"]["responses"]


def test_without_auth_nothing_is_asked_for(tmp_path: Path) -> None:
    with a_shop(tmp_path) as shop:
        shop.register()
        security = shop.client.get("/openapi.json").get_json()["paths"]["/products"]

        assert {} in security["post"]["security"]
    assert not (tmp_path / "access.db").exists()
