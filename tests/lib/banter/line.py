"""Lines as the daemon writes them, and patterns in the place of lines."""

import re

WELCOME_TAIL = ("Say something, or /nick NAME to be known; "
                "/help lists the rest, /quit leaves.")
GOING_DOWN = "* The server is going down."
PASSWORD_NEEDED = "* A password is needed: /pass PASSWORD"
CAME_BACK = ("* The server came back after a fault; the last lines may be "
             "missing (/history shows them).")
LOST_TRACK = ("! The server has lost track of this connection; "
              "please connect again.")
NOT_ALLOWED = "! Your address is not allowed here."
STAMP = r"([01][0-9]|2[0-3]):[0-5][0-9] "
FFFD = "\ufffd"


class rx:
    """A pattern in a place where a plain string would mean itself."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern, re.S)

    def __repr__(self):
        return "/%s/" % self.pattern.pattern


def matches(wanted, line):
    """Whether a line is the one wanted, a string or an rx."""
    if isinstance(wanted, rx):
        return wanted.pattern.fullmatch(line) is not None
    return wanted == line
