"""Edits the payload of a letter at the command line: by fields, or by hand."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import msgspec

from shared_kernel.repair.payloads import InvalidPayloadError, object_in

Checked = Callable[[bytes], None]
"""Raises InvalidPayloadError."""


class _Setting(click.ParamType[tuple[str, str]]):
    name = "field=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        field, equals, text = str(value).partition("=")
        if not field or not equals:
            self.fail(f"{value!r}; expected such as 'name=Desk lamp'", param, ctx)
        return field, text


SETTING = _Setting()


def with_fields(data: bytes, settings: Sequence[tuple[str, str]]) -> bytes:
    """`data`, a JSON object, with other values of some fields.

    A value is JSON, such as 5, null or "5", or else text. A field that holds text gets
    text. Raises InvalidPayloadError.
    """
    fields = object_in(data)
    if not fields:
        raise InvalidPayloadError(
            "its data is no JSON object, so none of its fields can be set: give all of "
            "it with --data"
        )
    for name, text in settings:
        fields[name] = _value(text, isinstance(fields.get(name), str))
    return msgspec.json.encode(fields)


def _value(text: str, is_text: bool) -> object:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return text if is_text and not isinstance(value, str | None) else value


def edited_by_hand(data: bytes, check: Checked) -> bytes | None:
    """What the operator made of it in an editor; None if nothing was saved."""
    text = readable(data)
    while True:
        saved = click.edit(text, extension=".json")
        if saved is None:
            return None
        try:
            check(saved.encode())
        except InvalidPayloadError as error:
            click.echo(f"{error}", err=True)
            if not click.confirm("Edit it again?", default=True):
                raise
            text = saved
        else:
            return saved.encode()


def readable(data: bytes) -> str:
    """As indented JSON, or as text if it is none."""
    try:
        return msgspec.json.format(data, indent=2).decode() + "\n"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return data.decode(errors="replace")


def differences(before: bytes, after: bytes) -> Iterator[str]:
    """Lines that begin with `-` or `+`, with what surrounds them."""
    was, becomes = readable(before).splitlines(), readable(after).splitlines()
    lines = difflib.unified_diff(was, becomes, "before", "after", lineterm="")
    return iter(lines)
