"""Cleans up when a test's process is gone, even after SIGKILL."""

import subprocess


class LastWill:
    """A command that a shell runs if this process ends without revoking it."""

    def __init__(self, command: str) -> None:
        # The process is gone if its end of the pipe closes without a line.
        self._executor = subprocess.Popen(
            ["sh", "-c", f"read -r _ || {{ {command}; }}"],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def revoke(self) -> None:
        self._executor.communicate(b"\n")
