"""Whether readers of an event survive a change of its schema.

BACKWARD: readers of the new schema can read old events, which the log keeps for ever.
FORWARD: readers of the old schema can read new events. FULL: both. NONE: neither.
Events have only declared fields; readers ignore fields that they do not know.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any

import attrs

Schema = Mapping[str, Any]

_EXPLANATIONS = {"description", "examples", "x-unit", "default", "title"}
_STRUCTURE = {"type", "anyOf", "enum", "properties", "required", "items"}
_NUMBERS = {"integer", "number"}


class Verdict(StrEnum):
    BACKWARD = "BACKWARD"
    FORWARD = "FORWARD"
    FULL = "FULL"
    NONE = "NONE"


@attrs.frozen(kw_only=True)
class Change:
    """One difference between two schemas of an event.

    `field` is a path such as `lines[].pieces`, or empty if the event itself is gone.
    `what` completes a sentence that begins with the field.
    """

    field: str
    what: str
    backward: bool = True
    forward: bool = True
    removes: bool = False
    instead: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.backward:
            return Verdict.FULL if self.forward else Verdict.BACKWARD
        return Verdict.FORWARD if self.forward else Verdict.NONE

    @property
    def breaks(self) -> bool:
        """Whether some reader breaks, or loses a field that it may show."""
        return self.removes or self.verdict is not Verdict.FULL


def changes(old: Schema, new: Schema) -> list[Change]:
    """What changed from `old` to `new`, field by field."""
    return list(_of_objects("", old, new))


def removed_event() -> Change:
    return Change(
        field="",
        what="is no longer published",
        backward=False,
        forward=False,
        removes=True,
        instead="go on publishing it while it is read, beside its successor",
    )


def _of_objects(path: str, old: Schema, new: Schema) -> Iterator[Change]:
    before, now = old.get("properties", {}), new.get("properties", {})
    needed, needs = old.get("required", ()), new.get("required", ())
    for name in before:
        field = f"{path}{name}"
        if name not in now:
            yield Change(
                field=field,
                what="is gone",
                forward=name not in needed,
                removes=True,
                instead="keep it, or publish a new version beside this one",
            )
            continue
        yield from _of_presence(field, name in needed, name in needs)
        yield from _of_values(field, before[name], now[name])
    for name in now:
        if name not in before:
            yield _addition(f"{path}{name}", name in needs)


def _addition(field: str, required: bool) -> Change:
    if not required:
        return Change(field=field, what="is new and optional")
    return Change(
        field=field,
        what="is new and required, and events in the log do not have it",
        backward=False,
        instead="give it a default: a new optional field keeps the version",
    )


def _of_presence(field: str, needed: bool, needs: bool) -> Iterator[Change]:
    if needs and not needed:
        yield Change(
            field=field,
            what="is required now, and events in the log may lack it",
            backward=False,
            instead="leave it optional, or publish a new version with an upcast",
        )
    if needed and not needs:
        yield Change(
            field=field,
            what="may be missing now",
            forward=False,
            instead="go on giving it, or publish a new version beside this one",
        )


def _of_values(field: str, old: Schema, new: Schema) -> Iterator[Change]:
    yield from _of_notes(field, old, new)
    before, now = _branches(old), _branches(new)
    yield from _of_sets(field, "type", set(before), set(now), _NUMBERS)
    yield from _of_sets(field, "choice", _choices(old), _choices(new))
    for kind in before.keys() & now.keys():
        was, is_ = before[kind], now[kind]
        if _rules(was) != _rules(is_):
            yield Change(
                field=field,
                what="has other bounds",
                backward=False,
                forward=False,
                instead="keep the bounds, or publish a new version beside this one",
            )
        if kind == "object":
            yield from _of_objects(f"{field}.", was, is_)
        if kind == "array":
            items = was.get("items", {}), is_.get("items", {})
            yield from _of_values(f"{field}[]", *items)


def _of_sets(
    field: str,
    what: str,
    old: Collection[str] | None,
    new: Collection[str] | None,
    numbers: Collection[str] = (),
) -> Iterator[Change]:
    """The sets of possible types or values; None is the set of all."""
    if old == new:
        return
    gone = _beyond(old, new, numbers)
    added = _beyond(new, old, numbers)
    narrowed, widened = gone is None or bool(gone), added is None or bool(added)
    said = "narrowed" if not widened else "widened" if not narrowed else "changed"
    told = ", ".join(
        f"{sign} {', '.join(sorted(each)) if each is not None else 'any other'}"
        for sign, each in (("without", gone), ("with", added))
        if each is None or each
    )
    yield Change(
        field=field,
        what=f"has a {said} {what}: {told}",
        backward=not narrowed,
        forward=not widened,
        instead=f"keep the {what}, add an optional field, or publish a new version "
        "beside this one, with an upcast",
    )


def _beyond(
    some: Collection[str] | None,
    others: Collection[str] | None,
    numbers: Collection[str],
) -> set[str] | None:
    """What `some` has and `others` has not; None if that is all the rest."""
    if others is None:
        return set()
    if some is None:
        return None
    rest = set(some) - set(others)
    return rest - {"integer"} if numbers and "number" in others else rest


def _of_notes(field: str, old: Schema, new: Schema) -> Iterator[Change]:
    for what, was, is_ in (
        ("unit", old.get("x-unit"), new.get("x-unit")),
        ("meaning", _meaning(old), _meaning(new)),
    ):
        if was and was != is_:
            yield Change(
                field=field,
                what=f"has another {what}: {is_ or 'none'} instead of {was}",
                backward=False,
                forward=False,
                instead=f"keep the {what} and add an optional field under a new name, "
                "or publish a new version beside this one, with an upcast",
            )


def _meaning(schema: Schema) -> str:
    """The first sentence of the description; the rest explains it."""
    return " ".join(str(schema.get("description", "")).partition(". ")[0].split())


def _branches(schema: Schema) -> dict[str, Schema]:
    """The part of the schema for each JSON type."""
    found: dict[str, Schema] = {}
    for branch in schema.get("anyOf", (schema,)):
        types = branch.get("type", "any")
        for kind in [types] if isinstance(types, str) else types:
            found[kind] = branch
    return found


def _choices(schema: Schema) -> set[str] | None:
    """The values of its enumeration, None if it has none."""
    values = [
        v for branch in _branches(schema).values() for v in branch.get("enum", ())
    ]
    return {str(value) for value in values} or None


def _rules(schema: Schema) -> dict[str, Any]:
    known = _EXPLANATIONS | _STRUCTURE
    return {name: rule for name, rule in schema.items() if name not in known}
