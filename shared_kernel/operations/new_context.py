"""Adds a context to the project: its own files, and its entries in existing files.

Everything is checked before the first file is written.
"""

import importlib.util
import keyword
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from shared_kernel.operations import skeleton
from shared_kernel.operations.skeleton import Skeleton, Words
from shared_kernel.runtime.context import Context

_NAME = re.compile(r"[a-z]{2,20}\Z")
_IMPORTED = re.compile(r"^from (\w+)\.bootstrap import CONTEXT as \w+\n", re.MULTILINE)
_LISTED = re.compile(r"^CONTEXTS = \(\n(?:    \w+,\n)+", re.MULTILINE)
_SERVICES = re.compile(r"^(\| `SERVICES` \| )([\w,-]+)", re.MULTILINE)
_PORT = re.compile(r":-(80\d\d)\}")


class NewContextError(Exception):
    """The message says what is wrong, and what to correct."""


@attrs.frozen
class NewContext:
    """A context named by `words`, for the project at `root`, which has `contexts`."""

    root: Path
    words: Words
    contexts: Sequence[Context]

    def write(self) -> list[Path]:
        """Return the paths of the new files, then of the changed ones.

        Raises NewContextError; then nothing is written.
        """
        folder = self.root / skeleton.FOLDER
        if not folder.is_dir() or not (self.root / "app.py").is_file():
            raise NewContextError(
                f"{self.root} has no app.py, or no {skeleton.FOLDER}: run the command "
                "in the project's folder"
            )
        own = Skeleton(folder)
        self._refuse_names(own)
        files = dict(own.files(self.words))
        for path in files:
            if (self.root / path).exists():
                raise NewContextError(f"{path} already exists: choose another name")
        changed = self._changed()
        for path, text in (files | changed).items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, "utf-8")
        return [*files, *changed]

    def finish(self, written: Sequence[Path]) -> None:
        """Sort the imports, since other names have another order; generate files.

        Raises NewContextError with the output of the tool that failed.
        """
        python = [str(path) for path in written if path.suffix == ".py"]
        self._run("ruff", "check", "--quiet", "--fix", "--select", "I", *python)
        self._run("ruff", "format", "--quiet", *python)
        self._run("shared_kernel.operations.schemas", self.words.context)
        self._run("shared_kernel.operations.asyncapi", "app", "docs/asyncapi.json")
        map_of_contexts = ("context-map", "--write", "docs/context-map.md")
        self._run("flask", "--app", "app", *map_of_contexts)

    def _refuse_names(self, own: Skeleton) -> None:
        words = self.words
        names = (words.context, words.one, words.many)
        for name in names:
            if not _NAME.match(name) or keyword.iskeyword(name):
                raise NewContextError(
                    f"{name!r} is not a valid name: expected 2 to 20 lower-case letters"
                )
        if len(set(names)) < len(names):
            raise NewContextError(
                f"{', '.join(names)}: the context, the aggregate and its plural must "
                "have different names"
            )
        if importlib.util.find_spec(words.context) is not None:
            raise NewContextError(
                f"a Python package {words.context} already exists: choose another "
                "name for the context"
            )
        for context in self.contexts:
            if f"{words.one}.>" in context.subjects:
                raise NewContextError(
                    f"{context.name} already publishes {words.one}.*: choose another "
                    "aggregate"
                )
        for name in sorted(own.identifiers() & set(names)):
            raise NewContextError(
                f"the skeleton has another use for the name {name}: choose another one"
            )

    def _changed(self) -> dict[Path, str]:
        """The existing files that must name the context, with their new text."""
        changes: dict[str, Callable[[str], str]] = {
            "app.py": self._composed,
            "pyproject.toml": self._packaged,
            "docs/running.md": self._documented,
            "Procfile": self._started,
        }
        changed = {}
        for name, change in changes.items():
            before = (self.root / name).read_text("utf-8")
            after = change(before)
            if after == before:
                raise NewContextError(
                    f"cannot add the context {self.words.context} to {name}: its "
                    "format is not as expected"
                )
            changed[Path(name)] = after
        return changed

    def _composed(self, text: str) -> str:
        name = self.words.context
        new = f"from {name}.bootstrap import CONTEXT as {name.upper()}\n"
        imported = list(_IMPORTED.finditer(text))
        if not imported or not _LISTED.search(text):
            return text
        end = imported[-1].end()
        text = text[:end] + new + text[end:]
        return _LISTED.sub(lambda match: f"{match[0]}    {name.upper()},\n", text)

    def _packaged(self, text: str) -> str:
        """Added to every list with the last context: packages and import contracts."""
        last = re.escape(f'"{self.contexts[-1].name}"')
        new = f'"{self.words.context}"'
        text = re.sub(rf"^( +)({last},)$", rf"\1\2\n\1{new},", text, flags=re.MULTILINE)
        return re.sub(rf"({last})(?!,\n)", rf"\1, {new}", text)

    def _documented(self, text: str) -> str:
        name, many = self.words.context, self.words.many
        upper = name.upper()
        settings = (
            (
                f"{upper}_DATABASE_URL",
                f"sqlite:///var/{name}.db",
                f"{many}, and the event log of {name}",
            ),
            (
                f"{upper}_READ_DATABASE_URL",
                f"sqlite:///var/{name}_read.db",
                f"the list of {many}",
            ),
            (
                f"{upper}_URL",
                "unset",
                f"the address of {name}, if another process needs it",
            ),
        )
        rows = [
            f"| `{variable}` | {default} | {meaning} |\n"
            for variable, default, meaning in settings
        ]
        text = _SERVICES.sub(
            lambda row: row[1] + ",".join(sorted([*row[2].split(","), name])), text
        )
        address = re.escape(self.contexts[-1].address)
        return re.sub(
            rf"^\| `{address}` \|.*\n",
            lambda row: row[0] + "".join(rows),
            text,
            flags=re.MULTILINE,
        )

    def _started(self, text: str) -> str:
        """With one more process for `make split`."""
        ports = [int(port) for port in _PORT.findall(text)]
        lines = text.splitlines(keepends=True)
        if not ports:
            return text
        name, upper = self.words.context, self.words.context.upper()
        port = f"${{{upper}_PORT:-{max(ports) + 1}}}"
        source = re.search(rf"{self.contexts[0].address}=\S+", lines[-1])
        address = f"{source[0]} " if source else ""
        new = f"{name}: SERVICES={name} PORT={port} {address}exec python app.py\n"
        return "".join([*lines, new])

    def _run(self, *module: str) -> None:
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-m", *module],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise NewContextError(
                f"{' '.join(module[:3])} failed, after the files were written: "
                f"{(ended.stderr or ended.stdout).strip()}"
            )
