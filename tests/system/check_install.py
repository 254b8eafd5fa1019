"""Right after "apt install ./banterd_*.deb"."""

import json

from box import CONF, PORT, STORE, STORE_SOCKET, UNIT, BoxTest
from machine import BOX4, BOX6


def all_files(box):
    """Every file that the package might leave, but other programs' notes."""
    out = box.run("find", "/etc", "/usr", "/var", "/run", "/opt", "/srv",
                  "-xdev", "(", "-path", "/var/lib/dpkg", "-o", "-path",
                  "/var/lib/apt", "-o", "-path", "/var/cache", "-o", "-path",
                  "/var/log/apt", "-o", "-path", "/var/log/journal", "-o",
                  "-path", "/run/systemd", "-o", "-path", "/var/tmp", "-o",
                  "-path", "/run/lock", "-o", "-path", "/run/log", "-o", "-path",
                  "/run/ufw.lock", "-o", "-path", "/var/lib/logrotate", ")",
                  "-prune", "-o", "-print").stdout
    return set(out.splitlines())


class Install(BoxTest):
    def test_01_install(self):
        box = self.box
        box.files_before = all_files(box)
        box.run("apt-get", "install", "--yes", box.deb)
        self.assertTrue(box.is_active())
        self.assertEqual(box.show("UnitFileState"), "enabled")
        self.assertEqual(box.show("Type"), "notify")
        self.assertEqual(box.show("UnitFileState", "banterd.socket"),
                         "disabled")
        self.assertEqual(box.show("ActiveState", "banterd.socket"),
                         "inactive")
        self.assertEqual(box.show("UnitFileState", STORE_SOCKET), "enabled")
        self.assertTrue(box.is_active(STORE_SOCKET))
        box.remember_conf()

    def test_02_files(self):
        box = self.box
        box.run("dpkg", "--verify", "banterd")
        self.assertEqual(box.run("stat", "-c", "%a %U %G", CONF)
                         .stdout.strip(), "640 root banterd")
        conffiles = box.run("dpkg-query", "-W", "-f=${Conffiles}",
                            "banterd").stdout
        for path in (CONF, "/etc/banterd/motd"):
            self.assertIn(path, conffiles)
        in_etc = {path for path in box.run("dpkg", "-L", "banterd")
                  .stdout.splitlines() if path.startswith("/etc/")}
        files = {path for path in in_etc
                 if box.run("test", "-f", path, check=False).returncode == 0}
        self.assertEqual(files, {line.split()[0] for line in
                                 conffiles.strip().splitlines()})
        for user in ("banterd", "banter-store"):
            box.run("getent", "passwd", user)

    def test_03_listens(self):
        out = self.box.run("ss", "-Hltnp", f"sport = :{PORT}").stdout
        self.assertIn(f"0.0.0.0:{PORT}", out)
        self.assertIn(f"[::]:{PORT}", out)

    def test_04_chat(self):
        """On the box and from the LAN, over IPv4 and IPv6."""
        box = self.box
        with box.nc("127.0.0.1", PORT) as a, box.nc("::1", PORT) as b, \
                box.laptop_nc(BOX4) as c, box.laptop_nc(BOX6) as d:
            people = [a, b, c, d]
            self.assertEqual(a.line(), "* Welcome to banter on box.")
            for person in people:
                person.expect("in #lobby")
            for i, person in enumerate(people):
                person.send(f"hello from {i}")
                for other in people:
                    if other is not person:
                        other.expect(f"hello from {i}")

    def test_05_units_are_clean(self):
        box = self.box
        done = box.run("systemd-analyze", "verify", UNIT, "banterd.socket",
                       STORE, STORE_SOCKET)
        self.assertEqual(done.stdout + done.stderr, "")
        # The threshold is ten times the score: 1.0 or less.
        for unit in (UNIT, STORE):
            box.run("systemd-analyze", "security", "--offline=yes",
                    "--threshold=10", "/lib/systemd/system/" + unit)
            box.run("systemd-analyze", "security", "--threshold=10", unit)
        self.assertEqual(json.loads(box.run(
            "systemctl", "list-units", "--failed", "-o",
            "json").stdout), [])

    def test_06_firewall_profile(self):
        out = self.box.run("ufw", "app", "info", "banterd").stdout
        self.assertIn(f"{PORT}/tcp", out)

    def test_07_found_by_name(self):
        """avahi announces the service, and knows its port."""
        box = self.box
        box.systemctl("start", "avahi-daemon")
        out = box.run("avahi-browse", "--resolve", "--terminate",
                      "--parsable", "_banter._sub._telnet._tcp").stdout
        resolved = [line.split(";") for line in out.splitlines()
                    if line.startswith("=")]
        self.assertTrue(resolved, out)
        for fields in resolved:
            self.assertEqual(fields[6], "box.local")
            self.assertEqual(fields[8], PORT)
        box.systemctl("stop", "avahi-daemon", "avahi-daemon.socket")
