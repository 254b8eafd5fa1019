"""The sandbox is one that the running daemon is really in."""

from box import BoxTest

WRITE = ("RDWR", "WRONLY")


class Sandbox(BoxTest):
    def test_01_no_privileges(self):
        box = self.box
        status = box.status_of_main()
        uid = box.run("id", "-u", "banterd").stdout.strip()
        gid = box.run("id", "-g", "banterd").stdout.strip()
        self.assertNotEqual(uid, "0")
        self.assertEqual(status["Uid"].split(), [uid] * 4)
        self.assertEqual(status["Gid"].split(), [gid] * 4)
        self.assertEqual(set(status["Groups"].split()) - {gid}, set())
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(status["Threads"], "1")

    def test_02_own_namespaces(self):
        box = self.box
        pid = box.main_pid()
        for name in ("mnt", "user", "ipc", "uts"):
            own = box.run("readlink", f"/proc/{pid}/ns/{name}").stdout
            init = box.run("readlink", f"/proc/1/ns/{name}").stdout
            self.assertNotEqual(own, init, name)

    def test_03_what_it_sees(self):
        """Nothing of /home, /root, /var and others' processes."""
        box = self.box
        pid = box.main_pid()
        names = set(box.run("ls", "-A", f"/proc/{pid}/root/")
                    .stdout.split())
        self.assertEqual(names - {"bin", "dev", "etc", "home", "lib", "lib64",
                                  "proc", "root", "run", "sys", "tmp", "usr",
                                  "var"}, set())
        self.assertEqual(box.run(
            "find", f"/proc/{pid}/root/var", f"/proc/{pid}/root/home",
            f"/proc/{pid}/root/root", "-type", "f", check=False).stdout, "")

    def test_04_where_it_may_write(self):
        """Every mount but its own two directories is read-only."""
        box = self.box
        writable = set()
        for line in box.read(f"/proc/{box.main_pid()}/mountinfo") \
                .splitlines():
            fields = line.split()
            if "rw" in fields[5].split(","):
                writable.add(fields[4])
        self.assertLessEqual(writable, {
            "/run/banterd", "/var/log/banterd", "/tmp", "/var/tmp",
            "/dev", "/dev/shm", "/dev/mqueue", "/dev/pts", "/dev/hugepages",
            "/proc", "/run", "/run/lock", "/dev/null", "/dev/zero",
            "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"})

    def test_05_files_open(self):
        """Room for max-clients, and no file but those that it needs."""
        box = self.box
        pid = box.main_pid()
        for line in box.read(f"/proc/{pid}/limits").splitlines():
            if line.startswith("Max open files"):
                soft = int(line.split()[3])
            if line.startswith("Max core file size"):
                self.assertEqual(line.split()[4:6], ["0", "0"])
        self.assertGreaterEqual(soft, 1000 + 50)
        links = box.run("sh", "-c", f"readlink /proc/{pid}/fd/*") \
            .stdout.splitlines()
        for link in links:
            self.assertRegex(link, r"^(socket:|anon_inode:|pipe:|/dev/null$"
                             r"|/memfd:[a-z-]+ \(deleted\)$)")
        # What is kept for the next process is for the daemon's eyes alone; that
        # has no name, and only the state is opened again, by whatever user.
        kept = box.run("sh", "-c", f"cd /proc/{pid}/fd && for fd in *; do "
                       "case $(readlink $fd) in /memfd:*) "
                       "stat -L -c '%a %U %G' $fd ;; esac; done") \
            .stdout.splitlines()
        self.assertEqual(set(kept), {"600 banterd banterd",
                                     "666 banterd banterd"}, links)
