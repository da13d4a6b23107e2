#!/usr/bin/env python3
# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What scripts/bench-cpu measures, and what the figures must and should be.

  bench_table.py class                     the machine class of this host
  bench_table.py cases CLASS               attn-bench arguments, one run a line
  bench_table.py merge OUT FILE...         joins arrays of records
  bench_table.py typical OUT FILE          of each run's records the one whose
                                           time is the median of the rounds
  bench_table.py verdict CLASS FILE        the table of figures against goals
"""

import json
import statistics
import sys
from dataclasses import dataclass
from typing import Callable, Optional

# A kernel this near to its roof says that the roof was measured wrongly.
SUSPECT_SHARE = 0.995
# Two threads are no more than twice one, but for noise.
SUSPECT_SPEEDUP = 2.1

MODES = ("cold", "warm")
THREADS = (1, 2)


def machine_class():
    """As attn::bench::hostIsa() has it, short of asking for AMX permission."""
    with open("/proc/cpuinfo") as info:
        flags = next((set(line.split()) for line in info
                      if line.startswith("flags")), set())
    if not {"avx2", "fma", "f16c"} <= flags:
        return "baseline"
    if not {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        return "avx2"
    if "avx512_bf16" not in flags:
        return "avx512"
    return "amx" if {"amx_tile", "amx_bf16"} <= flags else "avx512bf16"


@dataclass(frozen=True)
class Case:
    shape: str
    dtype: str
    layout: str
    context: int
    page: int = 64

    def arguments(self, mode, threads):
        return (f"--shape {self.shape} --mode {mode} --dtype {self.dtype} "
                f"--layout {self.layout} --page {self.page} --batch 1 "
                f"--context {self.context} --q-len 1 --threads {threads} "
                "--isa auto")

    def __str__(self):
        return f"{self.shape} {self.dtype} {self.layout} {self.context}"


@dataclass(frozen=True)
class Goal:
    case: Case
    mode: str
    threads: int  # 2 also for a speed-up, which takes the run of 1 as well
    metric: str   # a key of METRICS
    must: float
    aim: float


def run_of(record):
    return tuple(record[key] for key in ("shape", "dtype", "layout", "context",
                                         "mode", "threads"))


def by_run(records):
    """The records of each run, a list of one a round."""
    runs = {}
    for record in records:
        runs.setdefault(run_of(record), []).append(record)
    return runs


class Records:
    """Finds the record of a run in one round."""

    def __init__(self, records):
        self.by_run = {run_of(r): r for r in records}

    def get(self, case, mode, threads):
        return self.by_run.get((case.shape, case.dtype, case.layout,
                                case.context, mode, threads))


# --- Metrics: a value, or None where a run is missing ------------------------

def share(rate, roof):
    """A metric: the record's `rate` as a part of its `roof`."""
    def metric(records, goal):
        r = records.get(goal.case, goal.mode, goal.threads)
        return r[rate] / r[roof] if r and r[roof] else None
    return metric


def binding_share(records, goal):
    r = records.get(goal.case, goal.mode, goal.threads)
    return (r["fraction"] or None) if r else None


def speedup(records, goal):
    one, two = (records.get(goal.case, goal.mode, t) for t in THREADS)
    return one["median_us"] / two["median_us"] if one and two else None


def head_cost(records, goal):
    """Time of 16 heads over 16/128 of the time of 128: 1 where heads are all
    that costs."""
    few = records.get(goal.case, goal.mode, goal.threads)
    many = records.get(MLA_128, goal.mode, goal.threads)
    return (few["median_us"] / (many["median_us"] * 16 / 128)
            if few and many else None)


@dataclass(frozen=True)
class Metric:
    title: str
    value: Callable
    suspect: Optional[float] = SUSPECT_SHARE
    percent: bool = True
    lower_is_better: bool = False

    def text(self, value):
        return f"{100 * value:.1f}%" if self.percent else f"{value:.2f}x"

    def span(self, values):
        """The least and the greatest."""
        return f"{self.text(min(values))} {self.text(max(values))}"


METRICS = {
    "read": Metric("of read ceiling", share("gbps", "ceiling_gbps")),
    "peak": Metric("of compute peak", share("gflops", "peak_gflops")),
    "bind": Metric("of the roof that binds", binding_share),
    "speedup": Metric("2 threads over 1", speedup, SUSPECT_SPEEDUP, False),
    "heads": Metric("16 heads over 16/128 of 128", head_cost, None, False,
                    True),
}

# --- Goals -------------------------------------------------------------------

GQA = "gqa:32/8/128"
MHA_OWN = Case("mha:32/128", "bf16", "own", 4096)
MQA_OWN = Case("mqa:32/128", "bf16", "own", 4096)
MLA_128 = Case("mla:128/512+64", "bf16", "own", 4096)
MLA_16 = Case("mla:16/512+64", "bf16", "own", 4096)


def amx_goals():
    own = Case(GQA, "bf16", "own", 8192)
    row = Case(GQA, "bf16", "row", 8192)
    f16 = Case(GQA, "f16", "row", 8192)
    goals = [
        Goal(own, "cold", 1, "read", 0.84, 0.95),
        Goal(own, "warm", 1, "read", 0.85, 0.98),
        Goal(row, "cold", 1, "read", 0.80, 0.90),
        Goal(row, "warm", 1, "read", 0.75, 0.85),
        Goal(f16, "cold", 1, "read", 0.80, 0.95),
        Goal(f16, "warm", 1, "read", 0.70, 0.80),
        Goal(MHA_OWN, "cold", 1, "read", 0.84, 0.95),
        Goal(MLA_128, "warm", 1, "peak", 0.22, 0.35),
        Goal(MLA_16, "warm", 1, "heads", 2.5, 1.5),
    ]
    for case in (own, row, f16, MHA_OWN, MQA_OWN, MLA_128, MLA_16):
        must = 1.8 if case == MQA_OWN else 1.85
        goals += [Goal(case, mode, 2, "speedup", must, 1.95) for mode in MODES]
    return goals


def avx2_goals():
    goals = []
    for dtype in ("f16", "bf16"):
        row = Case(GQA, dtype, "row", 8192)
        goals += [
            Goal(row, "cold", 1, "read", 0.78, 0.92),
            Goal(row, "cold", 2, "read", 0.70, 0.90),
            Goal(Case(GQA, dtype, "row", 1024), "warm", 1, "bind", 0.55, 0.75),
        ]
    mqa = Case("mqa:32/128", "bf16", "row", 4096)
    return goals + [
        Goal(Case("mha:32/128", "bf16", "row", 4096), "cold", 1, "read", 0.85,
             0.95),
        Goal(mqa, "warm", 1, "peak", 0.60, 0.80),
        Goal(mqa, "warm", 2, "speedup", 1.8, 1.95),
        Goal(Case("mla:128/512+64", "bf16", "row", 4096), "warm", 1, "peak",
             0.60, 0.80),
        Goal(Case("mla:16/512+64", "bf16", "row", 4096), "warm", 1, "peak",
             0.50, 0.70),
    ]


def goals_of(name):
    # The classes in between have no goals of their own yet.
    return amx_goals() if name == "amx" else avx2_goals()


# --- Commands ----------------------------------------------------------------

def print_cases(name):
    for case in dict.fromkeys(goal.case for goal in goals_of(name)):
        for mode in MODES:
            for threads in THREADS:
                print(case.arguments(mode, threads))


def merge(out, files):
    records = []
    for path in files:
        with open(path) as file:
            records += json.load(file)
    with open(out, "w") as file:
        json.dump(records, file, indent=1)
        file.write("\n")


def typical(out, path):
    """Writes of each run the record whose time is the (upper) median."""
    with open(path) as file:
        runs = by_run(json.load(file))
    records = [sorted(run, key=lambda r: r["median_us"])[len(run) // 2]
               for run in runs.values()]
    with open(out, "w") as file:
        json.dump(records, file, indent=1)
        file.write("\n")


def judge(metric, goal, value):
    if value is None:
        return "not measured"
    if metric.suspect and value > metric.suspect:
        return ("ceiling measured wrongly?" if metric.percent
                else "one thread disturbed?")
    sign = -1 if metric.lower_is_better else 1
    if sign * value >= sign * goal.aim:
        return "aim"
    return "must" if sign * value >= sign * goal.must else "BELOW"


def verdict(name, path):
    """Prints the table; returns whether every figure is what it must be. A
    figure is the median of the rounds' figures, each of one round's runs."""
    with open(path) as file:
        runs = by_run(json.load(file))
    count = max(map(len, runs.values()))
    rounds = [Records(run[i] for run in runs.values() if i < len(run))
              for i in range(count)]
    rows = [("case", "mode", "thr", "metric", "value", "of rounds", "must",
             "aim", "us", "ceiling GB/s", "peak GFLOP/s", "verdict")]
    fine = True
    for goal in goals_of(name):
        metric = METRICS[goal.metric]
        values, used = [], []
        disturbed = 0
        for records in rounds:
            value = metric.value(records, goal)
            r = records.get(goal.case, goal.mode, goal.threads)
            one = records.get(goal.case, goal.mode, 1)
            if value is None:
                continue
            values.append(value)
            used.append(r)
            disturbed += any(x and x["disturbed"] for x in (r, one))
        value = statistics.median(values) if values else None
        judged = judge(metric, goal, value)
        if used and used[0]["emulated"]:
            judged = "emulated"
        elif 2 * disturbed > len(used):
            judged = "disturbed: run again"
        fine &= judged in ("aim", "must")

        def middle(key, digits):
            return (f"{statistics.median(r[key] for r in used):.{digits}f}"
                    if used else "-")
        rows.append((str(goal.case), goal.mode, str(goal.threads), metric.title,
                     "-" if value is None else metric.text(value),
                     metric.span(values) if len(values) > 1 else "-",
                     metric.text(goal.must), metric.text(goal.aim),
                     middle("median_us", 0), middle("ceiling_gbps", 1),
                     middle("peak_gflops", 0), judged))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip())
    if name not in ("amx", "avx2"):
        print(f"(goals are those of avx2: {name} has none of its own)")
    return fine


def main(arguments):
    command, rest = arguments[0] if arguments else "", arguments[1:]
    if command == "class" and not rest:
        print(machine_class())
    elif command == "cases" and len(rest) == 1:
        print_cases(rest[0])
    elif command == "merge" and len(rest) >= 2:
        merge(rest[0], rest[1:])
    elif command == "typical" and len(rest) == 2:
        typical(*rest)
    elif command == "verdict" and len(rest) == 2:
        return 0 if verdict(*rest) else 1
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
