"""How commands end that go on until they are told to."""

from __future__ import annotations

import signal

__all__ = ["end_as_by_ctrl_c"]


def end_as_by_ctrl_c() -> None:
    """Lets SIGINT and SIGTERM raise `KeyboardInterrupt`, so that nothing that was started stays.

    A shell starts what it puts in the background with SIGINT ignored, and so its children.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
