"""What a caller expects of the state that its command changes (RFC 9110, §13.1)."""

import attrs

from shared_kernel.domain.errors import PreconditionFailed, StaleVersion


@attrs.frozen(kw_only=True)
class Expectation:
    """None of the fields asks for anything by default.

    `versions`: it is at one of these. `others`: it is at none of these. `exists`: it is
    there, or it is not.
    """

    versions: frozenset[int] | None = None
    others: frozenset[int] = frozenset()
    exists: bool | None = None

    def check(self, key: str, current: int, *, exists: bool) -> None:
        """Raises StaleVersion and PreconditionFailed."""
        if self.versions is not None and current not in self.versions:
            seen = max(self.versions, default=0)
            raise StaleVersion(key=key, seen=seen, current=current)
        if self.exists is not None and self.exists is not exists:
            expected = "that it exists" if self.exists else "that it does not exist yet"
            raise PreconditionFailed(key=key, current=current, expected=expected)
        if current in self.others:
            raise PreconditionFailed(
                key=key, current=current, expected="another version"
            )


def a_version(version: int) -> Expectation:
    return Expectation(versions=frozenset([version]))
