"""What the bench's numbers must be, and how they are shown."""

import statistics

from contest import FLOORS, PEERS

OURS = "banterd"
WITHOUT, WITH = "without -k", "with -k"
SEND_QUEUE = 256 * 1024


def spread(samples):
    """Median and quartiles."""
    if len(samples) < 2:
        return samples[0], samples[0], samples[0]
    q1, median, q3 = statistics.quantiles(samples, n=4, method="inclusive")
    return median, q1, q3


def number(x):
    if isinstance(x, float) and abs(x) < 10:
        return f"{x:.3g}" if abs(x) < 1 else f"{x:.2f}"
    return f"{x:,.1f}" if isinstance(x, float) and abs(x) < 1000 else f"{round(x):,}"


def show(contestants):
    """A block for each measure: who, the median, the quartiles."""
    measures = []
    for samples in contestants.values():
        measures += [m for m in samples if m not in measures]
    for measure in measures:
        if not any(any(samples.get(measure, [])) for samples in contestants.values()):
            continue    # nothing but zeros
        print(f"  {measure}")
        for name, samples in contestants.items():
            values = samples.get(measure)
            if not values:
                continue
            if isinstance(values[0], dict):
                print(f"    {name:15} " + ", ".join(f"{k} {v}" for k, v in values[-1].items()))
                continue
            median, q1, q3 = spread(values)
            print(f"    {name:15} {number(median):>12}   [{number(q1)} - {number(q3)}]")


class Results:
    """The medians, and how they compare."""

    def __init__(self, results):
        self.results = results

    def median(self, scenario, name, measure):
        samples = self.results.get(scenario, {}).get(name, {}).get(measure)
        return spread(samples)[0] if samples else None

    def best(self, scenario, names, measure):
        values = [self.median(scenario, n, measure) for n in names]
        return min((v for v in values if v is not None), default=None)


    def low(self, scenario, name, measure):
        """The lower quartile: where the machine sleeps between two lines, some rounds of all are
        twice as dear, and more of the one's than of the other's."""
        samples = self.results.get(scenario, {}).get(name, {}).get(measure)
        return spread(samples)[1] if samples else None

    def most(self, scenario, name, measure):
        return max(self.results.get(scenario, {}).get(name, {}).get(measure, []), default=None)

    def pairs(self, scenario, one, other, measure, compare):
        """The median of how two compare that were measured in turns, round by round."""
        there = self.results.get(scenario, {})
        samples = list(zip(there.get(one, {}).get(measure, []),
                           there.get(other, {}).get(measure, [])))
        return spread([compare(a, b) for a, b in samples])[0] if samples else None


def ratio(a, b):
    return a / b if a is not None and b else None


def judge(results):
    """All bars that these results can be held against."""
    r = Results(results)
    rows = []

    def bar(scenario, what, value, limit):
        if value is not None:
            rows.append({"scenario": scenario, "what": what, "value": value, "limit": limit,
                         "met": None if limit is None else value <= limit})

    def against(scenario, what, measure, names, limit):
        bar(scenario, what, ratio(r.median(scenario, OURS, measure),
                                  r.best(scenario, names, measure)), limit)

    against("1", "CPU per delivery / floor", "cpu_us", FLOORS, 1.10)
    against("1", "CPU per delivery / best peer", "cpu_us", PEERS, 0.75)
    against("2", "CPU per delivery / floor with gathered lines", "cpu_us", FLOORS[1:], 1.15)
    against("2", "CPU per delivery / best peer", "cpu_us", PEERS, 0.80)
    against("3", "CPU per delivery / best floor", "cpu_us", FLOORS, 1.15)
    against("3", "CPU per delivery / best peer", "cpu_us", PEERS, 0.85)
    for scenario in ("1", "2", "3", "7"):
        # What is left between the kernel's own price and the best peer's.
        bar(scenario, "the best floor / best peer", ratio(
            r.best(scenario, FLOORS, "cpu_us"), r.best(scenario, PEERS, "cpu_us")), None)
    joins(r, bar)
    idle(r, bar)
    bar("6", "CPU per delivery, 10,000 / 100",
        ratio(r.median("6", OURS, "cpu_us (10000)"), r.median("6", OURS, "cpu_us (100)")), 1.3)
    for floor in FLOORS:
        bar("6", f"the same for the {floor}", ratio(r.median("6", floor, "cpu_us (10000)"),
                                                    r.median("6", floor, "cpu_us (100)")), None)
    against("6", "CPU per delivery for 10,000 / best floor", "cpu_us (10000)", FLOORS, None)
    against("7", "CPU per message / best floor", "cpu_us", FLOORS, None)
    against("7", "CPU per message / best peer", "cpu_us", PEERS, 0.80)
    sleepers(r, bar)
    for scenario in ("1", "2", "3", "7"):
        against(scenario, "p99 latency / best peer", "p99_ms", PEERS, 1.0)
    for scenario in ("1", "2", "3", "7", "burst"):
        bar(scenario, "memory after / before", ratio(
            r.median(scenario, OURS, "after_bytes"), r.median(scenario, OURS, "before_bytes")),
            1.5)
    for scenario, limit in (("1", 1.01), ("2", 0.25), ("3", 1.01), ("7", 1.01)):
        bar("counts", f"sending system calls per delivery ({scenario})",
            r.median("counts", OURS, f"sends ({scenario})"), limit)
    for scenario in ("1", "2"):
        bar("counts", f"allocations per delivery ({scenario})",
            r.median("counts", OURS, f"allocations ({scenario})"), 0.01)
    keep(r, bar)
    pause(r, bar)
    churn(r, bar)
    return rows


def joins(r, bar):
    common = "(name and join, 1000)"
    bar("4", "CPU per join / InspIRCd's", ratio(
        r.median("4", OURS, f"join_cpu_us {common}"),
        r.median("4", "inspircd", f"join_cpu_us {common}")), 0.25)
    bar("4", "wall time for all 1,000 / best peer's", ratio(
        r.median("4", OURS, f"join_wall_ms {common}"),
        r.best("4", PEERS, f"join_wall_ms {common}")), 0.1)
    for way in ("name and join", "lobby", "lobby, name and join"):
        for verb in ("join", "leave"):
            # Four times the people: four times the lines, not sixteen times.
            bar("4", f"{verb}: lines for 1,000 / 4 x lines for 250 ({way})", ratio(
                r.median("4", OURS, f"{verb}_lines ({way}, 1000)"),
                4 * (r.median("4", OURS, f"{verb}_lines ({way}, 250)") or 0)), 1.5)


def idle(r, bar):
    for way in ("just connected", "rooms of 100"):
        mine = r.median("5", OURS, f"idle_bytes ({way})")
        bar("5", f"bytes per idle client ({way})", mine, 1600)
        bar("5", f"bytes per idle client / best peer ({way})",
            ratio(mine, r.best("5", PEERS, f"idle_bytes ({way})")), 1.0)
        bar("5", f"wake-ups a second ({way})", r.median("5", OURS, f"wakeups_s ({way})"), 0.1)


def sleepers(r, bar):
    for inflight in (1, 16):
        bar("8", f"CPU per delivery / the same without sleepers ({inflight} in flight)", ratio(
            r.median("8", OURS, f"cpu_us (asleep, {inflight})"),
            r.median("8", OURS, f"cpu_us (awake, {inflight})")), 1.15)
        bar("8", f"p99 latency / the same without sleepers ({inflight} in flight)", ratio(
            r.median("8", OURS, f"p99_ms (asleep, {inflight})"),
            r.median("8", OURS, f"p99_ms (awake, {inflight})")), 1.15)
        bar("8", f"p99 latency / best peer ({inflight} in flight)", ratio(
            r.median("8", OURS, f"p99_ms (asleep, {inflight})"),
            r.best("8", PEERS, f"p99_ms (asleep, {inflight})")), 1.0)
    bar("8", "memory per sleeper / send-queue", ratio(
        r.median("8", OURS, "sleeper_bytes"), SEND_QUEUE), 1.0)
    bar("8", "memory after / before", ratio(r.median("8", OURS, "after_bytes"),
                                            r.median("8", OURS, "before_bytes")), 1.5)


def keep(r, bar):
    """What -k may cost."""
    def more(measure):
        with_k, without = (r.low("9", name, measure) for name in (WITH, WITHOUT))
        return None if None in (with_k, without) else with_k - without

    bar("9", "us more for a line to one member", more("cpu_us (rooms of 2)"), 3.0)
    bar("9", "CPU per delivery in a room of 100 / without -k",
        r.pairs("9", WITH, WITHOUT, "cpu_us (rooms of 100)", ratio), 1.02)
    for people in (1000, 10000):
        for measure, how, most in (("visit_us", "then the next", 10.0),
                                   ("rested_visit_us", "at rest after each step", None)):
            visit = [more(f"{way}{measure} ({people})") for way in ("", "put_off_")]
            bar("9", f"us more for one who comes and goes, {how} ({people:,} there)", total(visit),
                most)
            bar("9", "of these, put off until they had gone", visit[1], None)
        memory = [more(f"{kind}_bytes ({people})") for kind in ("anon", "state")]
        bar("9", f"bytes more for each client ({people:,} there)", total(memory), 600)


def total(parts):
    return None if None in parts else sum(parts)


def pause(r, bar):
    """People notice less than a second, and nobody is left behind."""
    for people in (100, 1000, 10000):
        for way in ("restart", "kill"):
            suffix = f"({way}, {people})"
            bar("10", f"ms from the signal until all are answered ({way}, {people:,} clients)",
                r.median("10", WITH, f"last_ms {suffix}"), 1000)
            bar("10", f"clients that are not in the vault ({way}, {people:,} clients)",
                r.most("10", WITH, f"unkept {suffix}"), 0)


def churn(r, bar):
    """VAULT_MESSAGES is 150, for each of two rings.  200 come in a second, and 100 are there; who
    has left is out of the young ring after one, of the old one after one and one more for each
    2,000 people.
    """
    bar("churn", "messages in the vault, at most", r.most("churn", WITH, "messages"), 300)
    bar("churn", "descriptors of others than the 5,000, at most",
        r.most("churn", WITH, "others"), 100 + 200 * (1 + 4))
    bar("churn", "descriptors of the process beside the 5,000, at most",
        r.most("churn", WITH, "open"), 250)
    bar("churn", "ms until a client that was closed sees its end, at most",
        r.most("churn", WITH, "end_max_ms"), 100)
    bar("churn", "bytes of memory at the end / at the beginning", ratio(
        r.most("churn", WITH, "last_bytes"), r.most("churn", WITH, "first_bytes")), 1.05)


def tell(rows):
    for row in rows:
        limit = "" if row["limit"] is None else f" (at most {number(row['limit'])})"
        word = {True: "met", False: "MISSED", None: "-"}[row["met"]]
        print(f"{word:6} ({row['scenario']}) {row['what']}: {number(row['value'])}{limit}")


def tell_before(results, before):
    """How each figure compares with that of the build of before, in the same run."""
    medians = Results(results)
    for scenario, contestants in results.items():
        for measure in contestants.get(before, {}):
            old = medians.median(scenario, before, measure)
            new = medians.median(scenario, OURS, measure)
            if isinstance(old, (int, float)) and isinstance(new, (int, float)) and old:
                print(f"({scenario}) {measure}: {number(new)} : {number(old)}"
                      f" = {new / old:.3f} x before")
