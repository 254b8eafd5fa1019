#!/usr/bin/env python3
"""What the Debian package does after unpacking, where the configuration is
wrong, and before: the steps of others are left out, the check is the daemon's
own."""

import os
import shlex
import shutil
import subprocess
import unittest

from banter.case import Case, main
from banter.command import banterd_command
from banter.files import SOURCE_DIR, private_directory, written

CONF = "/etc/banterd/banterd.conf"
OTHERS = ("systemd-sysusers", "systemd-tmpfiles", "deb-systemd-helper",
          "deb-systemd-invoke", "systemctl", "dpkg-statoverride")


class Script(Case):
    """One of the package's scripts."""

    def setUp(self):
        super().setUp()
        self.place = private_directory()
        for name in OTHERS:
            self.program(name, 'echo "${0##*/} $*" >>"%s/calls"\n'
                         % self.place)
        with open(self.place + "/calls", "w", encoding="utf-8"):
            pass

    def program(self, name, text):
        path = os.path.join(self.place, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def run_script(self, name, *args):
        """Exit status, all that it says, and which programs it calls."""
        done = subprocess.run(
            ["sh", os.path.join(SOURCE_DIR, "contrib/debian", name), *args],
            env={"PATH": self.place + ":/usr/sbin:/usr/bin:/sbin:/bin"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, text=True)
        with open(self.place + "/calls", encoding="utf-8") as calls:
            return done.returncode, done.stdout, calls.read()


class Postinst(Script):

    def configure(self, config):
        self.program("banterd", '[ "$*" = "-t -f %s" ] || exit 2\n'
                     "exec %s -t -f %s\n" % (
                         CONF, shlex.join(banterd_command()),
                         written("banterd.conf", config)))
        return self.run_script("postinst", "configure", "0.9-1")

    def test_wrong_lines_are_named(self):
        status, said, calls = self.configure("history 3\nhistroy 10\n")
        self.assertEqual(status, 0)
        self.assertIn('banterd.conf:2: unknown keyword "histroy"', said)
        self.assertIn("systemctl restart banterd", said)
        self.assertIn("deb-systemd-helper update-state", calls)
        self.assertNotIn("deb-systemd-invoke", calls)

    def test_a_good_one(self):
        status, said, calls = self.configure("history 3\n")
        self.assertEqual((status, said), (0, ""))
        self.assertEqual("deb-systemd-invoke restart banterd.service" in calls,
                         os.path.isdir("/run/systemd/system"))


@unittest.skipUnless(shutil.which("dpkg"), "there is no dpkg here")
class Prerm(Script):
    """Who cannot take over is not handed anybody."""

    def assert_stops(self, expected, *args):
        status, said, calls = self.run_script("prerm", *args)
        self.assertEqual((status, said), (0, ""))
        self.assertEqual("deb-systemd-invoke stop" in calls, expected and
                         os.path.isdir("/run/systemd/system"), args)

    def test_removal(self):
        self.assert_stops(True, "remove")

    def test_upgrade(self):
        for version in ("1.1.0-1", "1.1.0-1+b1", "1.1.1-1", "2.0-1"):
            self.assert_stops(False, "upgrade", version)

    def test_the_way_back(self):
        for version in ("1.0.0-1", "1.0.9-1", "0.9-1"):
            self.assert_stops(True, "upgrade", version)


if __name__ == "__main__":
    main()
