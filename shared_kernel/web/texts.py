"""Texts in bodies of requests, as `/openapi.json` describes them."""

import msgspec

CONTROLS = r"\x00-\x1f\x7f-\x9f"
ONE_LINE = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"


def one_line(longest: int, example: str, what: str = "") -> msgspec.Meta:
    """1 to `longest` characters on one line, not all blank; `what` says more of it."""
    return msgspec.Meta(
        min_length=1,
        max_length=longest,
        pattern=ONE_LINE,
        examples=[example],
        description=f"{what}1 to {longest} characters on one line, not all blank",
    )
