#!/usr/bin/env python3
"""What the Debian package does after unpacking, where the configuration is
wrong: the steps of others are left out, the check is the daemon's own."""

import os
import shlex
import subprocess

from banter.case import Case, main
from banter.command import banterd_command
from banter.files import SOURCE_DIR, private_directory, written

CONF = "/etc/banterd/banterd.conf"
OTHERS = ("systemd-sysusers", "systemd-tmpfiles", "deb-systemd-helper",
          "deb-systemd-invoke", "systemctl", "dpkg-statoverride")


class Postinst(Case):

    def program(self, name, text):
        path = os.path.join(self.place, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def configure(self, config):
        """Exit status, all that it says, and which programs it calls."""
        self.place = private_directory()
        for name in OTHERS:
            self.program(name, 'echo "${0##*/} $*" >>"%s/calls"\n'
                         % self.place)
        self.program("banterd", '[ "$*" = "-t -f %s" ] || exit 2\n'
                     "exec %s -t -f %s\n" % (
                         CONF, shlex.join(banterd_command()),
                         written("banterd.conf", config)))
        done = subprocess.run(
            ["sh", os.path.join(SOURCE_DIR, "contrib/debian/postinst"),
             "configure", "0.9-1"],
            env={"PATH": self.place + ":/usr/sbin:/usr/bin:/sbin:/bin"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, text=True)
        with open(self.place + "/calls", encoding="utf-8") as calls:
            return done.returncode, done.stdout, calls.read()

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


if __name__ == "__main__":
    main()
