"""What is told of an error: where it was raised in our code, and the field."""

import json

import pytest

from shared_kernel.dead_letters.failure import LONGEST_TRACE, MOST_FRAMES, Failure
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.events.errors import UnreadableEventError


def on_lit(depth: int = 0) -> None:
    if depth:
        on_lit(depth - 1)
    json.loads("{")


def on_dimmed() -> None:
    json.loads("{")


def failed(*arguments: int) -> Failure:
    try:
        on_lit(*arguments)
    except ValueError as error:
        return Failure.of(error)
    raise AssertionError


def test_the_place_is_the_innermost_function_of_ours() -> None:
    assert failed().place == f"{__name__}:on_lit"
    assert failed().error_type == "JSONDecodeError"
    assert "property name" in failed().message


def test_the_same_error_in_another_function_has_another_cause() -> None:
    with pytest.raises(ValueError, match="property name") as elsewhere:
        on_dimmed()

    assert failed().cause == failed(3).cause
    assert Failure.of(elsewhere.value).cause != failed().cause
    assert len(failed().cause) == 8


def test_a_context_is_the_place_and_not_what_it_calls_in_the_kernel() -> None:
    def of_context() -> None:
        Sku("")

    with pytest.raises(InvalidValue) as raised:
        of_context()

    assert Failure.of(raised.value).place.endswith("of_context")
    assert "shared_kernel.domain.sku" in Failure.of(raised.value).trace


def test_the_trace_is_short_and_has_lines() -> None:
    trace = failed(50).trace

    assert len(trace.splitlines()) == MOST_FRAMES
    assert len(trace) <= LONGEST_TRACE
    assert trace.endswith('json.loads("{")')


def test_the_field_is_that_of_the_error_or_of_what_caused_it() -> None:
    refusal = InvalidValue(field="sku", value="", expected="a code")
    unreadable = UnreadableEventError("lamp.lit: no sku")
    unreadable.__cause__ = refusal

    assert Failure.of(refusal).field == "sku"
    assert Failure.of(unreadable).field == "sku"
    assert Failure.of(UnreadableEventError("x", field="wattage")).field == "wattage"
    assert Failure.of(KeyError("sku")).field is None


def test_an_error_that_was_not_raised_has_no_place() -> None:
    assert Failure.of(KeyError("x")).place == ""
