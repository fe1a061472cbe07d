"""Request bodies that are files: as they are, or as a part of a form."""

import errno
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import IO, Any

import attrs
from flask import request
from werkzeug.datastructures import FileStorage

from shared_kernel.web.missing_bodies import NO_ROOM, TOO_MANY_FILES, no_room
from shared_kernel.web.problems import (
    BODY_TOO_LARGE,
    INVALID_VALUE,
    MISSING_FIELD,
    REQUEST_TIMEOUT,
    UNKNOWN_FIELD,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    ProblemKind,
    too_large,
)

FIELD = "file"
_PIECE = 65536
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORM = "multipart/form-data"


@attrs.frozen
class Received:
    """A file as it was sent. `form` is one of the upload's."""

    name: str
    form: str
    file: IO[bytes]
    _digested: "_Digested"

    def fingerprint(self) -> bytes:
        """Of form and content; reads the rest of the file."""
        return self.form.encode() + b"\n" + self._digested.digest_of_all()


@attrs.frozen(kw_only=True)
class Upload:
    """A file of at most `most_bytes`, read as a stream.

    A process receives `at_once` of them at the same time.

    `media_types` maps each accepted Content-Type to the form of the file, `suffixes`
    that of its name. In `multipart/form-data` the file is the part `file`; the form is
    that of its name, or else of its type.
    """

    most_bytes: int
    at_once: int
    media_types: Mapping[str, str]
    suffixes: Mapping[str, str]
    description: str
    example: str
    required: bool = True

    @property
    def content(self) -> dict[str, dict[str, Any]]:
        """The schema of each media type, as OpenAPI describes it."""
        text = {
            "type": "string",
            "description": self.description,
            "examples": [self.example],
        }
        part = {"type": "string", "contentMediaType": next(iter(self.media_types))}
        form = {
            "type": "object",
            "required": [FIELD],
            "properties": {FIELD: part},
            "additionalProperties": False,
        }
        return {**dict.fromkeys(self.media_types, text), _FORM: form}

    @property
    def components(self) -> dict[str, Any]:
        return {}

    @property
    def problems(self) -> Sequence[ProblemKind]:
        return (
            REQUEST_TIMEOUT,
            TOO_MANY_FILES,
            NO_ROOM,
            BODY_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            MISSING_FIELD,
            UNKNOWN_FIELD,
            INVALID_VALUE,
        )

    def read(self) -> Received:
        """The file of the current request, open until its end. Raises Problem."""
        request.max_content_length = self.most_bytes
        if (request.content_length or 0) > self.most_bytes:
            raise too_large()
        if request.mimetype == _FORM:
            return self._part()
        form = self.media_types.get(request.mimetype)
        charset = request.mimetype_params.get("charset", "utf-8").lower()
        if form is None or charset not in ("utf-8", "utf8"):
            accepted = ", ".join([*self.media_types, _FORM])
            raise Problem(
                UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type is {request.content_type!r}, expected one of {accepted}",
                headers={"Accept": accepted},
            )
        stream = _Bounded(request.stream, self.most_bytes)
        return _received(f"upload.{form}", form, io.BufferedReader(stream))

    def _part(self) -> Received:
        try:
            parts = request.files.getlist(FIELD)
        except OSError as error:
            # Each part is written to a temporary file of its own.
            if error.errno in _FULL:
                raise no_room() from error
            raise
        others = [*request.form, *(name for name in request.files if name != FIELD)]
        if others:
            raise Problem(
                UNKNOWN_FIELD,
                f"{others[0]}: no such part; expected {FIELD} alone",
                [{"pointer": f"/{name}", "detail": "no such part"} for name in others],
            )
        if len(parts) != 1 or not parts[0].filename:
            raise Problem(
                MISSING_FIELD,
                f"{FIELD}: expected one part of this name, with a file",
                [{"pointer": f"/{FIELD}", "detail": "expected one file"}],
            )
        (part,) = parts
        return _received(part.filename or "", self._form_of(part), part.stream)

    def _form_of(self, part: FileStorage) -> str:
        suffix = PurePath(part.filename or "").suffix.lower()
        form = self.suffixes.get(suffix) or self.media_types.get(part.mimetype)
        if form is None:
            expected = f"a name that ends in {', '.join(self.suffixes)}"
            raise Problem(
                INVALID_VALUE,
                f"{FIELD}: its name is {part.filename!r}, expected {expected}",
                [{"pointer": f"/{FIELD}", "detail": f"expected {expected}"}],
            )
        return form


def _received(name: str, form: str, file: IO[bytes]) -> Received:
    digested = _Digested(file)
    return Received(name, form, io.BufferedReader(digested), digested)


class _Digested(io.RawIOBase):
    """`file`, whose digest is made while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def digest_of_all(self) -> bytes:
        while data := self._file.read(_PIECE):
            self._digest.update(data)
        return self._digest.digest()


class _Bounded(io.RawIOBase):
    """`stream`, up to `most_bytes`. More raise a Problem instead of being cut off."""

    def __init__(self, stream: IO[bytes], most_bytes: int) -> None:
        self._stream = stream
        self._left = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left == 0:
            if request.environ["wsgi.input"].read(1):
                raise too_large()
            return 0
        data = self._stream.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)
