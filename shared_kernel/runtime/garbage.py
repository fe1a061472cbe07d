"""When the garbage collector works.

By default it looks through the objects that are alive after every few hundred new ones.
Rows and events live for one chunk and do not refer to one another in circles, so
counted references free them: of an import that search took a fifth of the time.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def collected_between_chunks() -> Iterator[Callable[[], object]]:
    """Within, it works only when the function that this yields is called.

    Existing objects stay, and are not looked through again.
    """
    was_enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield gc.collect
    finally:
        if was_enabled:
            gc.enable()
