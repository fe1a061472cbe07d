"""Who sends a request."""

from collections.abc import Collection

import attrs


@attrs.frozen
class Principal:
    """`name` is that of a token, or that of a kind of sender. `scopes`: what it may do.

    With `every_scope` it may do all there is.
    """

    name: str
    scopes: Collection[str] = ()
    every_scope: bool = False

    def may(self, scopes: Collection[str]) -> bool:
        """What needs one of `scopes`."""
        return self.every_scope or any(scope in self.scopes for scope in scopes)


ANYONE = Principal("anyone", every_scope=True)
"""Where no credentials are asked for."""
