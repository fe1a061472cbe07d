"""The text of a description in HTML."""

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "section",
        "table",
        "tr",
        "ul",
    }
)
_CELLS = frozenset({"td", "th"})
_UNSEEN = frozenset({"script", "style", "template"})
# Of word processors, as in `<![if gte mso 9]>`; the parser raises errors for others.
_DECLARATION = re.compile(r"<!(?!--)[^>]*>")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);|<!--")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in _CELLS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            # A line end in HTML is a space.
            self.parts.append(re.sub(r"\s+", " ", data))


def text_of_html(html: str, *, keep_lines: bool = False) -> str:
    """Paragraphs and list items as lines; text without a tag is returned unchanged.

    A line end in HTML is a space, except where software makes it a new line.
    """
    if not _TAG.search(html):
        return html.strip()
    if keep_lines:
        html = html.replace("\n", "<br>")
    html = _DECLARATION.sub("", html).replace("<![", "&lt;![")
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line and line != "-")
