"""As test_session.py, with somebody who does not read what is said.

Speakers wait a little for such a one, in each round; so one allocation in
three is made to fail, but with FAULTS=long each.
"""

import test_session
from banter import fault
from banter.case import main


class Flood(test_session.Faults):

    def test_allocation(self):
        self.each(fault.ALLOC, "flooded", 1 if test_session.LONG else 3)

    def test_read(self):
        self.each(fault.READ, "flooded")

    def test_write(self):
        self.each(fault.WRITE, "flooded")

    def test_epoll_ctl(self):
        self.each(fault.EPOLL_CTL, "flooded")


if __name__ == "__main__":
    main()
