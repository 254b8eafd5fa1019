"""A scripted session, once for each call that can fail in it.

Two honest people sit in the lobby while others come, do nearly everything
that can be done, and go. In each round one more call fails. Whatever it is:
the daemon lives, at most one connection suffers, those who are left still
hear each other, nobody who has left is still shown as there, and at the end
nothing has leaked (as far as a sanitizer looks on).
"""

import errno
import os
import signal
import time

from banter import fault, wait
from banter.case import Case, main
from banter.fault import Control, Sufferer, every_call
from banter.wait import eventually

LONG = os.environ.get("FAULTS") == "long"
CONFIG = """
history 20
send-queue 8K
max-per-host 1000
room #ops topic "what runs"
log-level debug
"""

ERRORS = {
    fault.ALLOC: (errno.ENOMEM,),
    fault.ACCEPT: (errno.ECONNABORTED, errno.EMFILE, errno.EPERM),
    fault.READ: (errno.ECONNRESET,),
    fault.WRITE: (errno.EPIPE, errno.EAGAIN),
    fault.EPOLL_CTL: (errno.ENOMEM,),
    fault.EPOLL_WAIT: (errno.EINTR,),
}
if LONG:
    ERRORS[fault.ACCEPT] += (errno.ENFILE, errno.ENOMEM, errno.ENOBUFS,
                             errno.EINTR, errno.EACCES)
    ERRORS[fault.READ] += (errno.EINTR, errno.EAGAIN, errno.ENOMEM,
                           errno.ETIMEDOUT)
    ERRORS[fault.WRITE] += (errno.ECONNRESET, errno.EINTR, errno.ENOMEM,
                            errno.ENOBUFS)


class Session:
    """One daemon, its honest people, and the script."""

    def __init__(self, daemon, control, script):
        """The script is the name of one of the methods below."""
        self.script = getattr(self, script)
        self.daemon = daemon
        self.control = control
        self.address = daemon.addresses[0]
        self.honest = {}
        self.round = 0
        self.seat_honest()

    def person(self, rcvbuf=None):
        person = Sufferer(self.control, self.address, rcvbuf)
        self.crowd.append(person)
        return person

    # -- the honest

    def seat_honest(self):
        for name in ("honest1", "honest2"):
            if name in self.honest:
                if not self.honest[name].suffered:
                    continue
                self.honest[name].close()
            person = Sufferer(self.control, self.address)
            person.greeted()
            self.honest[name] = person
            eventually(lambda n=name, p=person: self.named(n, p),
                       name + " can have their name")

    @staticmethod
    def named(name, person):
        person.ask("/nick " + name)
        return b"* You are now %s.\r\n" % name.encode() in person.data

    def lobby(self):
        """Who the daemon says is in the lobby, and which rooms there are."""
        person = self.honest["honest1"]
        person.data = b""
        person.ask("/who #lobby", "/rooms")
        lines = person.data.decode("utf-8", "replace").split("\r\n")
        who = [line for line in lines if line.startswith("* #lobby (")]
        rooms = [line.split()[1] for line in lines
                 if line.startswith("* #")][1:]
        return who[:1], sorted(rooms)

    def check(self, what):
        """Those who are left are whole."""
        for person in self.honest.values():
            person.ask()
        casualties = [p for p in self.crowd if p.suffered]
        casualties += [p for p in self.honest.values() if p.suffered]
        if len(casualties) > 1:
            raise AssertionError("%s: %d connections suffered" % (
                what, len(casualties)))
        for person in self.crowd:
            person.close()
        self.seat_honest()
        wanted = (["* #lobby (2): honest1, honest2"], ["#lobby", "#ops"])
        other = (["* #lobby (2): honest2, honest1"], ["#lobby", "#ops"])
        eventually(lambda: self.lobby() in (wanted, other),
                   "%s: who is left is %r" % (what, self.lobby()))
        self.talk(what)

    def talk(self, what):
        """Each honest one is heard once by the other, and by a newcomer."""
        newcomer = Sufferer(self.control, self.address)
        newcomer.greeted()
        people = list(self.honest.items())
        for name, speaker in people:
            word = "round %d %s" % (self.round, name)
            listeners = [p for _, p in people if p is not speaker]
            speaker.say(word)
            line = ("[#lobby] %s: %s\r\n" % (name, word)).encode()
            for listener in listeners + [newcomer]:
                if not listener.wait(line):
                    raise AssertionError("%s: %s is not heard" % (what, name))
                listener.ask()
                if listener.data.count(line) > 1:
                    raise AssertionError("%s: heard twice" % what)
        newcomer.say("/quit")
        newcomer.wait(b"* Bye.\r\n")
        newcomer.close()

    # -- the script

    def run(self, what):
        self.round += 1
        self.crowd = []
        try:
            self.script()
            self.control.disarm()
            self.check(what)
        except AssertionError as error:
            raise AssertionError("%s: %s\nthe log:\n%s" % (
                what, error, self.daemon.log_text())) from None

    def talked(self):
        """Nearly everything that can be done."""
        ann, bob = self.person(), self.person()
        ann.greeted()
        bob.greeted()
        self.rooms(ann, bob)
        self.private(ann, bob)
        self.bytes(ann, bob)
        self.piped()
        self.signals(ann)
        ann.close(reset=True)
        bob.ask("/nosuch")
        bob.say("/quit so long")
        bob.wait(b"* Bye.\r\n")
        bob.ended = False

    @staticmethod
    def rooms(ann, bob):
        ann.ask("/nick ann", "/join #x key", "/topic a topic")
        bob.ask("/nick bob", "/join #x key", "/who", "/rooms", "/history 5")
        ann.ask("hello", "/me waves", "/msg #x both")
        bob.ask("/join r1", "/join r2", "/join r3", "/join r4", "/leave r2",
                "/join #x")
        ann.ask("/op bob")
        bob.ask("/kick ann too loud", "/leave #x bye")

    @staticmethod
    def private(ann, bob):
        ann.ask("/msg bob psst", "/whois bob", "/ignore bob", "/ignore",
                "/unignore bob", "/away lunch", "/set bell on",
                "/set time on")
        bob.ask("/reply yes", "/msg ann ann!", "/away", "/back", "/nick rob")
        ann.ask("/back", "/set time off", "/help", "/help join")

    @staticmethod
    def bytes(ann, bob):
        ann.send(b"\xff\xfb\x01\xff\xfd\x06\xff\xf6half a li")
        bob.ask()
        ann.ask("ne", "x" * 1100)
        bob.send(b"never ended")

    def piped(self):
        """A script that pipes in."""
        script = self.person()
        script.say("/nick ci", "/join #built", "build 812 is green", "/quit")
        script.half_close()
        script.wait(b"* Bye.\r\n")
        script.wait(b"never comes: it waits for the end")
        script.ended = False

    def flooded(self):
        """One who reads nothing for a while.  A script of its own: speakers
        wait for such a one, and few calls are made meanwhile."""
        loud, sleeper = self.person(), self.person(rcvbuf=2048)
        loud.greeted()
        sleeper.greeted()
        sleeper.ask("/join #wide")
        loud.ask("/join #wide")
        loud.ask(*["w" * 1000] * 110)
        sleeper.ask("/leave #wide")
        loud.ask("/leave #wide")

    def signals(self, ann):
        self.daemon.mark()
        self.daemon.signal(signal.SIGUSR1)
        self.daemon.signal(signal.SIGHUP)
        until = time.monotonic() + wait.DEADLINE
        # A signal may be what was lost.
        while time.monotonic() < until and not (
                self.control.failed or self.reloaded()):
            ann.ask("/who #ops")
        ann.ask("/who")

    def reloaded(self):
        return any("reloaded" in line for line in self.daemon.log[-20:])


class Faults(Case):
    """Goes through every call of a kind, with a script."""
    time_limit = None

    def each(self, kind, script="talked", step=1):
        for error in ERRORS[kind]:
            control = Control()
            daemon = self.daemon(CONFIG, env=control.environment)
            session = Session(daemon, control, script)
            session.run("nothing fails")
            calls = every_call(kind, error, session.run, control,
                               step=step)
            self.assertGreater(calls, 0)
            print("%s, %s: %s, %d calls" % (
                script, errno.errorcode[error], fault.KINDS[kind], calls))
            for person in session.honest.values():
                person.close()
            daemon.stop()


class Talk(Faults):
    def test_allocation(self):
        self.each(fault.ALLOC)

    def test_accept(self):
        self.each(fault.ACCEPT)

    def test_read(self):
        self.each(fault.READ)

    def test_write(self):
        self.each(fault.WRITE)

    def test_epoll_ctl(self):
        self.each(fault.EPOLL_CTL)

    def test_epoll_wait(self):
        self.each(fault.EPOLL_WAIT)


if __name__ == "__main__":
    main()
