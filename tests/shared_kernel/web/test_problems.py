"""Every error is a problem with a type, never HTML, never a secret."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.shared_kernel.web.toy import a_toy_app


def problem_of(path: str, method: str = "GET") -> dict[str, Any]:
    response = a_toy_app().test_client().open(path, method=method)
    problem: dict[str, Any] = response.get_json()
    assert response.content_type == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert problem["status"] == response.status_code
    return problem | {"headers": dict(response.headers)}


def test_a_refusal_is_a_problem_with_the_refusals_fields() -> None:
    problem = problem_of("/raised/unknown")

    assert problem["type"] == "/problems/unknown-sku"
    assert problem["status"] == 404
    assert problem["detail"] == "there is no toy X"
    assert problem["sku"] == "X"


def test_a_stale_version_is_reported_with_both_versions() -> None:
    problem = problem_of("/raised/stale")

    assert (problem["status"], problem["seen"], problem["current"]) == (412, 1, 2)


def test_a_value_refused_by_the_domain_has_a_pointer() -> None:
    problem = problem_of("/raised/invalid")

    assert problem["status"] == 422
    assert problem["errors"] == [
        {
            "type": "/problems/invalid-value",
            "pointer": "/size/width",
            "detail": "expected a width",
        }
    ]


def test_a_value_of_the_path_is_named_as_a_parameter() -> None:
    class_of_path = {"parameter": "what", "detail": "expected a better one"}

    problem = problem_of("/raised/path")

    assert (problem["status"], problem["errors"]) == (400, [class_of_path])


def test_a_bug_is_logged_and_not_shown() -> None:
    with capture_logs() as logs:
        problem = problem_of("/raised/bug")

    assert problem["type"] == "/problems/internal-error"
    assert "secret" not in str(problem)
    assert [(log["log_level"], log["path"]) for log in logs] == [
        ("error", "/raised/bug")
    ]


def test_a_fault_of_storage_may_be_retried() -> None:
    problem = problem_of("/raised/disk")

    assert problem["type"] == "/problems/unavailable"
    assert problem["status"] == 503
    assert problem["headers"]["Retry-After"] == "1"


def test_an_unknown_url_is_a_problem() -> None:
    assert problem_of("/nowhere")["type"] == "/problems/not-found"


def test_another_method_is_refused_with_the_allowed_ones() -> None:
    problem = problem_of("/toys", "DELETE")

    assert problem["type"] == "/problems/method-not-allowed"
    assert {"GET", "POST"} <= set(problem["headers"]["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/toys/%00", "/%ff", "/toys/../../etc/passwd"])
def test_an_odd_path_is_not_found(path: str) -> None:
    assert problem_of(path)["status"] == 404
