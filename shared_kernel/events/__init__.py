"""The way of an event: log, relay, bus, subscription, and what could not be applied.

The log is the truth; a bus only hurries it along. Correctness lives in `subscription`.
"""
