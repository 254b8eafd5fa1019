#!/usr/bin/env python3
"""The tables of src/base/unicode.c: made, and compared with what Python knows
of Unicode and with what the pages say.

usage: unicode.py           compare; exit status 1 after saying what differs
       unicode.py --write   put the combining marks that this Python knows into
                            src/base/unicode.c; clang-format lays them out
"""

import os
import re
import sys
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SOURCE = os.path.join(ROOT, "src/base/unicode.c")
TABLE = r"(static const struct range %s\[\] = \{)(.*?)(\s*\};)"
VERSION = re.compile(r"Unicode (\d+)\.(\d+)\.(\d+)")
ALL = range(sys.maxunicode + 1)
# What is no space, but leaves none the wiser: it counts as one.
EMPTY = {0xad, 0x180e, 0x2800, *range(0x1bca0, 0x1bca4),
         *range(0x1d173, 0x1d17b)}

wrong = []


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def show(points):
    """Code points as ranges, the first few of them."""
    ranges = runs(points)
    text = ", ".join("U+%04X" % a if a == b else "U+%04X-%04X" % (a, b)
                     for a, b in ranges[:8])
    return text + (", ..." if len(ranges) > 8 else "")


def runs(points):
    """Sorted (first, last) of code points."""
    ranges = []
    for point in sorted(points):
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return [tuple(each) for each in ranges]


def covered(ranges):
    return {point for first, last in ranges
            for point in range(first, last + 1)}


def compare(what, got, wanted):
    """Notes where two sets of code points differ."""
    if got - wanted:
        wrong.append("%s has %s too many" % (what, show(got - wanted)))
    if wanted - got:
        wrong.append("%s lacks %s" % (what, show(wanted - got)))


# --- the tables ---

def table(source, name):
    """A table's code points; it must be in order."""
    body = re.search(TABLE % name, source, re.DOTALL).group(2)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    ranges = [(int(a, 16), int(b, 16)) for a, b in
              re.findall(r"\{ 0x([0-9a-f]+), 0x([0-9a-f]+) \}", body)]
    flat = [point for each in ranges for point in each]
    if flat != sorted(flat):
        wrong.append("%s is not in order" % name)
    return covered(ranges)


# --- what Python knows ---

def is_selector(point):
    return "VARIATION SELECTOR" in unicodedata.name(chr(point), "")


def is_mark(point):
    return (unicodedata.category(chr(point)) in ("Mn", "Me")
            and not is_selector(point))


def check_with_python(source, marks, joiners, spaces):
    """All where both have the same Unicode; else what both can know."""
    made_of = tuple(map(int, VERSION.search(source).groups()))
    ours = tuple(map(int, unicodedata.unidata_version.split(".")))
    known = {point for point in ALL
             if unicodedata.category(chr(point)) != "Cn"}
    if ours > made_of:		# what is new since can't be in the table
        known = marks
    compare("marks", marks & known,
            {point for point in known if is_mark(point)})
    selectors = {point for point in ALL if is_selector(point)}
    compare("joiners", joiners & known & selectors, selectors & known)
    compare("spaces", spaces, {0x09} | EMPTY | {
        point for point in ALL if unicodedata.category(chr(point)) == "Zs"})


def write(source):
    """The source with marks as Python has them."""
    ranges = ["\n\t{ 0x%04x, 0x%04x }" % each
              for each in runs(point for point in ALL if is_mark(point))]
    source = re.sub(TABLE % "marks", lambda match: (
        match.group(1) + ",".join(ranges) + match.group(3)),
                    source, flags=re.DOTALL)
    return VERSION.sub("Unicode " + unicodedata.unidata_version, source)


# --- what the pages say ---

def ranges_in(text):
    """What a text names: U+0041, U+0041 to U+005A, U+0041-005A."""
    found = re.findall(
        r"U\+([0-9A-F]{4,6})(?:(?: to U\+|-)([0-9A-F]{4,6}))?", text)
    return covered([(int(a, 16), int(b or a, 16)) for a, b in found])


def part(path, begin, end):
    """The part of a page between two lines."""
    text = read(path)
    match = re.search("^%s\n(.*?)^%s$" % (re.escape(begin), re.escape(end)),
                      text, re.DOTALL | re.MULTILINE)
    if not match:
        wrong.append("%s: nothing between %r and %r" % (path, begin, end))
        return ""
    return " ".join(match.group(1).split())


def check_pages(forbidden, joiners):
    """Both pages name just what the tables have."""
    for path, begin, middle, end in (
            ("docs/banter.7", ".\\\" forbidden", ".\\\" joiners",
             ".\\\" end"),
            ("docs/security.md", "<!-- forbidden -->", "<!-- joiners -->",
             "<!-- end -->")):
        compare("forbidden in " + path, ranges_in(part(path, begin, middle)),
                forbidden)
        compare("joiners in " + path, ranges_in(part(path, middle, end)),
                joiners)


def main():
    source = read(SOURCE)
    if sys.argv[1:] == ["--write"]:
        with open(SOURCE, "w", encoding="utf-8") as f:
            f.write(write(source))
        return 0
    if sys.argv[1:]:
        sys.exit(__doc__.rstrip())
    tables = {name: table(source, name)
              for name in ("forbidden", "spaces", "joiners", "marks")}
    for one in tables:
        for other in tables:
            if one < other and tables[one] & tables[other]:
                wrong.append("%s and %s share %s" % (
                    one, other, show(tables[one] & tables[other])))
    check_with_python(source, tables["marks"], tables["joiners"],
                      tables["spaces"])
    check_pages(tables["forbidden"], tables["joiners"])
    for text in wrong:
        print("src/base/unicode.c: " + text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
