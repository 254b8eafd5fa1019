#!/usr/bin/env python3
"""Makes the table of docs/security.md out of a file of results (ABUSE_REPORT).

usage: table.py FILE
"""

import json
import sys


def ms(sample, *keys):
    return " / ".join("%.1f" % (sample[key] / 1000) for key in keys)


def mb(kb):
    return "%.1f" % (kb / 1024)


def main():
    print("| abuse | p50 / p99 at rest, ms | p50 / p99 / max under it, ms | "
          "memory before, MB | peak | allowed | after |")
    print("|---|---|---|---|---|---|---|")
    with open(sys.argv[1], encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            print("| %s | %s | %s | %s | %s | %s | %s |" % (
                row["title"], ms(row["rest"], "p50", "p99"),
                ms(row["under"], "p50", "p99", "max"), mb(row["start_kb"]),
                mb(row["peak_kb"]), mb(row["allowed_kb"]),
                mb(row["after_kb"])))


if __name__ == "__main__":
    main()
