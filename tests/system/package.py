"""Builds the package from the source tree, and a later one from that."""

import glob
import os
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


def make_later(deb, work, version):
    """The same package with a higher version and a changed banterd.conf."""
    tree = os.path.join(work, "later")
    shutil.rmtree(tree, ignore_errors=True)
    later = os.path.join(work, f"later_{version}.deb")
    with open(os.path.join(work, "later.log"), "wb") as log:
        run(log, "dpkg-deb", "-R", deb, tree)
        control = os.path.join(tree, "DEBIAN/control")
        with open(control, encoding="utf-8") as f:
            lines = [f"Version: {version}\n" if line.startswith("Version:")
                     else line for line in f]
        with open(control, "w", encoding="utf-8") as f:
            f.writelines(lines)
        with open(os.path.join(tree, "etc/banterd/banterd.conf"), "a",
                  encoding="utf-8") as f:
            f.write("# A line that the later package brings.\n")
        run(log, "dpkg-deb", "--root-owner-group", "-b", tree, later)
    return later
