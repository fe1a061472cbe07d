"""HTML pages, parsed for tests."""

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser

import attrs

VOID = {"meta", "link", "br"}


@attrs.define(eq=False)
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = attrs.field(factory=list)

    @property
    def text(self) -> str:
        """What a reader sees."""
        return "".join(self._texts()).strip()

    def all(self, tag: str, **attributes: str) -> list["Element"]:
        """Elements within, in their order; `class_` means `class`."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            element
            for element in self._elements()
            if element.tag == tag and wanted.items() <= element.attributes.items()
        ]

    def every(self, attribute: str) -> list[str]:
        """Values of `attribute` within."""
        return [
            element.attributes[attribute]
            for element in self._elements()
            if attribute in element.attributes
        ]

    def _elements(self) -> Iterator["Element"]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._elements()

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag == "br":
                yield "\n"
            else:
                yield from child._texts()


@cache
def parsed(html: str) -> Element:
    """The document. Asserts that each element is closed where it was opened."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert [element.tag for element in parser.open] == ["document"]
    return parser.open[0]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)
