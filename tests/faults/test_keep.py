"""A loop that cannot go on ends the process, and nobody's connection (-k)."""

import errno

from banter import fault
from banter.case import main
from banter.line import CAME_BACK
from banter.manager import KeptCase


class Loop(KeptCase):

    def test_it_fails(self):
        control = fault.Control()
        daemon = self.kept(env=control.environment)
        alice, bob = daemon.people("alice", "bob")
        control.arm(fault.EPOLL_WAIT, 1, errno.EBADF)
        alice.send("hello")
        self.assertEqual(daemon.broke(), -1)
        control.disarm()
        daemon.begin()
        for one in (alice, bob):
            one.until(CAME_BACK)
        alice.ask("and again")
        bob.until("[#lobby] alice: and again")


if __name__ == "__main__":
    main()
