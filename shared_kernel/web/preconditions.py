"""`If-Match` and `If-None-Match` (RFC 9110, §13): honoured as written, or refused."""

import re
from collections.abc import Iterable, Sequence

import attrs
from flask import Response, request

from shared_kernel.domain.expectation import Expectation
from shared_kernel.web.parameters import fault_of, invalid
from shared_kernel.web.problems import PRECONDITION_FAILED, Problem

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
# Empty elements of a list are ignored (§5.6.1.2).
_BETWEEN = re.compile(r"[ \t]*(?:,[ \t]*)+|\Z")


@attrs.frozen
class Tag:
    """An entity tag: what its quotes hold."""

    opaque: str
    weak: bool

    @property
    def version(self) -> int | None:
        """None if no version of ours has this tag."""
        opaque = self.opaque
        known = opaque.isdecimal() and opaque.isascii() and len(opaque) < 19
        # A version has one tag: 03 is none.
        return int(opaque) if known and opaque == str(int(opaque)) else None


def asks_for_any(header: str) -> bool:
    return header.strip() == "*"


def tags_in(name: str) -> Sequence[Tag]:
    """The entity tags in a header of this name. Raises Problem."""
    header = request.headers[name].strip(" \t,")
    tags, place = [], 0
    while place < len(header):
        found = _TAG.match(header, place)
        after = _BETWEEN.match(header, found.end()) if found else None
        if found is None or after is None:
            break
        tags.append(Tag(found[2], weak=bool(found[1])))
        place = after.end()
    if not tags or place < len(header):
        expected = 'expected entity tags such as "3", with commas between, or *'
        raise invalid([fault_of(name, expected)])
    return tags


def expected_version() -> int | Expectation | None:
    """What the request expects of the state that it changes; None expects nothing.

    Versions are the tags. `If-Match` compares strongly, against lost updates: a weak
    tag never matches. `If-None-Match` compares weakly. Raises Problem.
    """
    match = request.headers.get(IF_MATCH)
    none_match = request.headers.get(IF_NONE_MATCH)
    if match is None and none_match is None:
        return None
    versions, others, exists = None, frozenset[int](), None
    if match is not None:
        if asks_for_any(match):
            exists = True
        else:
            tags = tags_in(IF_MATCH)
            versions = _versions(tag for tag in tags if not tag.weak)
    if none_match is not None:
        if asks_for_any(none_match):
            if exists:
                # Whatever there is, one of the two fails (§13.2.2).
                versions = frozenset()
            else:
                exists = False
        else:
            others = _versions(tags_in(IF_NONE_MATCH))
    return Expectation(versions=versions, others=others, exists=exists)


def refuse_preconditions(*names: str) -> None:
    """Raises Problem if the request has one of these."""
    given = [name for name in names if name in request.headers]
    if given:
        raise invalid(
            [fault_of(name, "is not supported here; send it without") for name in given]
        )


def of_representation(response: Response) -> Response:
    """The response to a request that reads: as it is, or 304. Raises Problem.

    Only a response that would be 200 has preconditions (§13.2.1).
    """
    if response.status_code != 200:
        return response
    tag = response.headers.get("ETag", "").strip('"')
    if IF_MATCH in request.headers and not _matches(IF_MATCH, tag, strongly=True):
        raise Problem(PRECONDITION_FAILED, f"If-Match: its tag is {tag!r}")
    if IF_NONE_MATCH in request.headers and _matches(IF_NONE_MATCH, tag):
        kept = [each for each in response.headers.items() if each[0] in _KEPT]
        return Response(status=304, headers=kept)
    return response


_KEPT = frozenset({"ETag", "Cache-Control", "Vary", "Date"})


def _matches(name: str, tag: str, *, strongly: bool = False) -> bool:
    if asks_for_any(request.headers[name]):
        return True
    return any(
        each.opaque == tag and tag != "" and not (strongly and each.weak)
        for each in tags_in(name)
    )


def _versions(tags: Iterable[Tag]) -> frozenset[int]:
    return frozenset(tag.version for tag in tags if tag.version is not None)
