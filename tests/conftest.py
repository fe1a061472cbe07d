"""How every test runs."""

import os

import hypothesis

# Two busy cores tell nothing about one example's time. In CI the same examples every
# time: what it finds, anyone can find again.
hypothesis.settings.register_profile(
    "storehouse", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("storehouse")
