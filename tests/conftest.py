"""How every test runs."""

import os

import hypothesis
import pytest

# Two busy cores tell nothing about one example's time. In CI the same examples every
# time: what it finds, anyone can find again.
hypothesis.settings.register_profile(
    "storehouse", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("storehouse")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured stands below their results."""
    told = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "told"
    ]
    if told:
        terminalreporter.section("measured")
        for line in told:
            terminalreporter.write_line(line)
