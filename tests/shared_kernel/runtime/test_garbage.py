"""The garbage collector works between the chunks of long work."""

import gc
import weakref

import pytest

from shared_kernel.runtime.garbage import collected_between_chunks


class Circle:
    """Refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_chunk_leaves_is_collected_after_it() -> None:
    with collected_between_chunks() as collect:
        assert not gc.isenabled()
        left = weakref.ref(Circle())
        assert left() is not None

        collect()

        assert left() is None
    assert gc.isenabled()


def test_after_a_failure_the_collector_works_as_before() -> None:
    with pytest.raises(RuntimeError), collected_between_chunks():
        raise RuntimeError

    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collected_between_chunks():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
