"""What the checks do to the machine with banterd on it, by name."""

import json
import os
import re
import subprocess
import unittest

from banter.proc import parse_status
from banter.process import Program
from banter.wait import eventually
from machine import BOX4

CONF = "/etc/banterd/banterd.conf"
UNIT = "banterd.service"
STORE = "banter-store.service"
STORE_SOCKET = "banter-store.socket"
PORT = "5531"


def nc(command):
    """Somebody who reads what their nc prints, complaints included."""
    return Program(command, stderr=subprocess.STDOUT)


class Box:
    """The booted machine, the LAN it is on, and the four packages."""

    def __init__(self, machine, lan, earlier, storeless, deb, later):
        self.machine, self.lan = machine, lan
        self.earlier, self.storeless, self.deb, self.later = (
            "/packages/" + os.path.basename(path)
            for path in (earlier, storeless, deb, later))
        self.files_before = None
        self.run, self.read, self.write = \
            machine.run, machine.read, machine.write

    # People.
    def nc(self, *args):
        """Somebody on the box itself."""
        return nc(self.machine.inside("nc", *args))

    def laptop_nc(self, host=BOX4, *args):
        """Somebody elsewhere on the LAN."""
        return nc(self.lan.on_laptop("nc", *args, host, PORT))

    def greeting(self):
        with self.nc("127.0.0.1", PORT) as somebody:
            return somebody.line()

    # The service.
    def systemctl(self, *args, check=True):
        return self.run("systemctl", *args, check=check)

    def show(self, name, unit=UNIT):
        return self.systemctl("show", "--value", "--property=" + name,
                              unit).stdout.strip()

    def is_active(self, unit=UNIT):
        return self.show("ActiveState", unit) == "active"

    def main_pid(self, unit=UNIT):
        pid = self.show("MainPID", unit)
        if pid == "0":
            raise AssertionError(f"{unit} does not run")
        return pid

    def wait_active(self):
        eventually(self.is_active, "banterd is active")

    def kill(self, name, pid):
        """Not through systemd, which would know of it."""
        self.run("sh", "-c", f"kill -{name} {pid}")

    def status_of_main(self, unit=UNIT):
        """/proc/PID/status as a dictionary."""
        return parse_status(self.read(f"/proc/{self.main_pid(unit)}/status"))

    def drop_in(self, text, unit=UNIT):
        self.write(f"/run/systemd/system/{unit}.d/test.conf", text)
        self.systemctl("daemon-reload")

    def no_drop_in(self, unit=UNIT):
        self.run("rm", "-rf", f"/run/systemd/system/{unit}.d")
        self.systemctl("daemon-reload")

    # Its configuration.
    def configure(self, extra):
        """The shipped file with more lines at its end."""
        self.run("sh", "-c", 'cat >"$1"', "sh", CONF,
                 stdin=self.shipped_conf + extra)

    def remember_conf(self):
        self.shipped_conf = self.read(CONF)

    # The journal.
    def cursor(self):
        """A place in the journal; what is logged later comes after it."""
        return self.run("journalctl", "--sync", "--quiet") and re.search(
            r"-- cursor: (.*)",
            self.run("journalctl", "-n", "1", "--show-cursor",
                     "--quiet").stdout).group(1)

    def journal(self, after, unit=UNIT):
        """[(priority, message)] of what a unit logged after a cursor."""
        self.run("journalctl", "--sync")
        # With a filter, journalctl 252 would skip the first entry that fits.
        out = self.run("journalctl", "-o", "json",
                       "--after-cursor=" + after).stdout
        entries = [json.loads(line) for line in out.splitlines()]
        return [(int(e["PRIORITY"]), e["MESSAGE"]) for e in entries
                if re.fullmatch(unit, e.get("_SYSTEMD_UNIT", ""))]

    def trouble(self, after):
        """Its warnings and errors."""
        return [entry for entry in self.journal(after) if entry[0] <= 4]

    def wait_journal(self, after, pattern, unit=UNIT):
        """Waits for a line with pattern; returns its (priority, text)."""
        return eventually(lambda: next(
            (entry for entry in self.journal(after, unit)
             if re.search(pattern, entry[1])), None),
            f"the journal has a line with {pattern}")


class BoxTest(unittest.TestCase):
    """Checks in their order, on the one box."""

    box = None  # set by run.py
