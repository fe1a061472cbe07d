"""Event delivery: log, relay, subscription, cursors.

The log is the source of truth; a bus only delivers sooner. `subscription` is what makes
delivery correct.
"""
