"""What is to be done when a test's process is gone, however that came."""

import subprocess


class LastWill:
    """Done by a shell when this process is gone without having revoked it."""

    def __init__(self, command: str) -> None:
        # Gone, however that came, when its end of the pipe is closed without a line.
        self._executor = subprocess.Popen(
            ["sh", "-c", f"read -r _ || {{ {command}; }}"],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def revoke(self) -> None:
        self._executor.communicate(b"\n")
