"""Waiting for what must happen, with a deadline, never for time to pass.

The deadline is generous enough for sanitizers on a busy machine.
"""

import os
import select
import time

DEADLINE = float(os.environ.get("DEADLINE", "20"))
STEP = 0.02			# seconds before the same question again


def eventually(condition, what, deadline=None):
    """Asks again until condition() is true; returns what it returned."""
    deadline = deadline or DEADLINE
    until = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > until:
            raise AssertionError("it never came true in %g s: %s"
                                 % (deadline, what))
        select.select([], [], [], STEP)
