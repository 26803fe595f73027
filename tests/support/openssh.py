"""OpenSSH's own server, for tests marked `system`.

Belongs here: what starting one takes. Does not belong here: what a partner's server allows, or does wrong.
"""

from __future__ import annotations

import socket
import time


def wait_for(port: int) -> None:
    """Wait until the server answers.

    Raises:
        AssertionError: it does not within ten seconds.
    """
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("sshd did not start")
