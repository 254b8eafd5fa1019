"""Builds the package from the source tree, and three others from that."""

import glob
import os
import re
import shutil
import subprocess
import sys


def run(log, *command, **options):
    log.write(("\n$ " + " ".join(command) + "\n").encode())
    log.flush()
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL,
                          stdout=log, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        with open(log.name, encoding="utf-8", errors="replace") as f:
            print("".join(f.readlines()[-25:]))
        sys.exit("the package could not be made; the end of "
                 f"{log.name} is above")


def copy_source(source, work):
    """A clone, but with what is not committed yet: work/package/source."""
    tree = os.path.join(work, "package")
    shutil.rmtree(tree, ignore_errors=True)
    clone = os.path.join(tree, "source")
    shutil.copytree(source, clone, symlinks=True,
                    ignore=shutil.ignore_patterns("build", ".git"))
    return clone


def build(source, work):
    """Returns the path of the package, made as README says."""
    clone = copy_source(source, work)
    path = os.path.join(work, "package.log")
    print("building the package (log: " + path + ")", flush=True)
    with open(path, "wb") as log:
        run(log, os.path.join(clone, "contrib/package"))
    (made,) = glob.glob(os.path.join(clone, "build/package/*.deb"))
    deb = os.path.join(work, "package", os.path.basename(made))
    shutil.move(made, deb)
    shutil.rmtree(os.path.join(clone, "build"))
    return deb


def remade(deb, work, name, version, change):
    """The same package with another version, after change(its tree)."""
    tree = os.path.join(work, name)
    shutil.rmtree(tree, ignore_errors=True)
    made = os.path.join(work, f"{name}_{version}.deb")
    with open(os.path.join(work, name + ".log"), "wb") as log:
        run(log, "dpkg-deb", "-R", deb, tree)
        edit(os.path.join(tree, "DEBIAN/control"), lambda text: re.sub(
            "(?m)^Version: .*", "Version: " + version, text))
        change(tree)
        run(log, "dpkg-deb", "--root-owner-group", "-b", tree, made)
    return made


def edit(path, change):
    with open(path, encoding="utf-8") as f:
        text = change(f.read())
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def make_later(deb, work, version):
    """A package with a changed banterd.conf."""
    return remade(deb, work, "later", version, lambda tree: edit(
        os.path.join(tree, "etc/banterd/banterd.conf"),
        lambda text: text + "# A line that the later package brings.\n"))


# What only the store is for.
STORE_FILES = ["lib/systemd/system/banter-store.*",
               "usr/lib/*.d/banter-store.conf", "usr/sbin/banter-store",
               "usr/share/man/man8/banter-store.8.gz"]


def without_store(tree):
    """No banter-store, and nothing that knows of it but the scripts."""
    for pattern in STORE_FILES:
        for path in glob.glob(os.path.join(tree, pattern)):
            os.remove(path)
    edit(os.path.join(tree, "DEBIAN/md5sums"), lambda text: re.sub(
        r"(?m)^.*/banter-store[./].*\n|^.*/banter-store\n", "", text))
    edit(os.path.join(tree, "lib/systemd/system/banterd.service"),
         lambda text: re.sub(r"(?m)^\w+=banter-store\.socket\n", "", text)
         .replace(" -/run/banter-store", ""))
    edit(os.path.join(tree, "etc/banterd/banterd.conf"), lambda text: re.sub(
        r"(?m)^#?(store|names-per-host|name-expiry) .*\n", "", text))


def make_storeless(deb, work, version):
    """One that keeps people, and no names."""
    return remade(deb, work, "storeless", version, without_store)


# What the unit of 1.0.0 did not have, and what it had instead.
KEEPS = re.compile(r"(?m)^(FileDescriptorStoreMax|KillSignal|RestartKillSignal"
                   r"|KillMode|OOMPolicy|TimeoutStart\w+)=.*\n")
# The prerm and postrm of 1.0.0 did nothing at an upgrade.
NOTHING = "#!/bin/sh\n"


def make_earlier(deb, work, version):
    """One as 1.0.0 was: it keeps nobody and knows nothing of who is kept."""
    def change(tree):
        without_store(tree)
        edit(os.path.join(tree, "lib/systemd/system/banterd.service"),
             lambda text: KEEPS.sub("", text).replace("banterd -k ",
                                                      "banterd ")
             .replace("Restart=always", "Restart=on-failure")
             .replace("RestartSec=100ms", "RestartSec=1"))
        for script in ("prerm", "postrm"):
            edit(os.path.join(tree, "DEBIAN", script), lambda _: NOTHING)

    return remade(deb, work, "earlier", version, change)
