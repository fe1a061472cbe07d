"""Subject patterns have the same meaning as in NATS."""

import pytest

from shared_kernel.buses.patterns import InvalidPatternError, matcher

MATCHES = [
    ("product.inserted", "product.inserted", True),
    ("product.inserted", "product.renamed", False),
    ("product.inserted", "product.inserted.late", False),
    ("product.inserted", "product", False),
    ("product.*", "product.inserted", True),
    ("product.*", "product", False),
    ("product.*", "product.", False),
    ("product.*", "product.inserted.late", False),
    ("product.*", "stock.opened", False),
    ("*.inserted", "product.inserted", True),
    ("*.inserted", "product.price.inserted", False),
    ("product.*.late", "product.inserted.late", True),
    ("product.>", "product.inserted", True),
    ("product.>", "product.inserted.late", True),
    ("product.>", "product", False),
    ("product.>", "products.inserted", False),
    (">", "product", True),
    (">", "product.inserted.late", True),
    ("*", "product", True),
    ("*", "product.inserted", False),
    ("product.inserted", "productXinserted", False),
    ("stock.reorder_point_set", "stock.reorder_point_set", True),
    ("product.*", "product.inserted\n", True),
    ("product.inserted", "product.inserted\n", False),
]


@pytest.mark.parametrize(("pattern", "subject", "expected"), MATCHES)
def test_patterns_match_as_in_nats(pattern: str, subject: str, expected: bool) -> None:
    assert matcher(pattern)(subject) is expected


@pytest.mark.parametrize(
    "pattern",
    ["", ".", "product.", ".inserted", "a..b", ">.a", "a.>.b", "a.b*", "a b", "a.>>"],
)
def test_a_pattern_that_nats_would_refuse_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPatternError, match="tokens are separated by"):
        matcher(pattern)
