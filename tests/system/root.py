"""A Debian root to boot: made once with debootstrap, and kept in a cache."""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from unittest import SkipTest

# What the package depends on, what is needed to boot, and the programs that
# files of the package are for.
PACKAGES = [
    "systemd-sysv", "dbus", "iproute2", "netcat-openbsd", "logrotate",
    "libbsd0", "libcrypt1", "libevent-core-2.1-7", "liblmdb0", "libseccomp2",
    "libsqlite3-0", "libmd0", "man-db", "ufw", "avahi-daemon", "avahi-utils",
]


def build_packages():
    """What contrib/install would fetch; there is no network in the machine."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../contrib/lib.sh")
    with open(path, encoding="utf-8") as f:
        return re.search("^BUILD_PACKAGES='(.*)'", f.read(),
                         re.M).group(1).split()


def os_release():
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def suite():
    """The host's own release: what is built here runs there."""
    release = os_release()
    names = [release.get("ID", "")] + release.get("ID_LIKE", "").split()
    if "debian" not in names or "VERSION_CODENAME" not in release:
        raise SkipTest("this is not Debian or Ubuntu: the package that is "
                       "built here would not run in a Debian root")
    return release["VERSION_CODENAME"]


def cache_directory():
    base = os.environ.get("XDG_CACHE_HOME") or "/var/cache"
    return os.path.join(base, "banterd-system-test")


def make(directory, name):
    new = directory + ".new"
    shutil.rmtree(new, ignore_errors=True)
    print(f"making a {name} root in {directory} (once; a minute or two)",
          flush=True)
    with open(directory + ".log", "wb") as log:
        done = subprocess.run(
            ["debootstrap", "--variant=minbase",
             "--components=main" + (",universe" if os_release().get("ID") ==
                                    "ubuntu" else ""),
             "--include=" + ",".join(PACKAGES + build_packages()), name, new],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            check=False)
    if done.returncode != 0:
        with open(directory + ".log", encoding="utf-8",
                  errors="replace") as log:
            tail = log.readlines()[-5:]
        shutil.rmtree(new, ignore_errors=True)
        raise SkipTest("debootstrap could not make a root (no network?): " +
                       " ".join(line.strip() for line in tail))
    # Its own host name, so that a greeting by name proves something.
    with open(os.path.join(new, "etc/hostname"), "w", encoding="ascii") as f:
        f.write("box\n")
    os.rename(new, directory)


def get():
    """Returns the path of the root, making it if need be."""
    name = suite()
    if shutil.which("debootstrap") is None:
        raise SkipTest("debootstrap is not installed")
    key = hashlib.sha256(" ".join(PACKAGES + build_packages()).encode()) \
        .hexdigest()[:8]
    cache = cache_directory()
    os.makedirs(cache, mode=0o755, exist_ok=True)
    directory = os.path.join(cache, f"{name}-{platform.machine()}-{key}")
    with open(os.path.join(cache, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(directory):
            make(directory, name)
    return directory
