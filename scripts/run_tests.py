#!/usr/bin/env python3
# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the tests of a build folder and counts them.

  run_tests.py BUILD [--jobs N] [--timeout SECONDS] [--filter TEXT] [--no-lit]

Every program in BUILD/bin/unit runs, each GoogleTest one split over the jobs, and
python/tests in the environment that scripts/python-env makes; then the lit suites.
Only what fails is printed in full, and why Python's tests are skipped. The last line is
`N passed, N failed`, with `, N skipped` where tests were. Exit status 0 only if
something ran and nothing failed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

LIT_OUTCOMES = {"PASS": "passed", "FLAKYPASS": "passed", "XFAIL": "passed",
                "UNSUPPORTED": "skipped", "SKIPPED": "skipped"}


def say(text):
    print(text, flush=True)


def run(command, timeout, environment=None):
    """Exit status and output of a command; the status is None on timeout."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, env=environment)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as expired:
        return None, (expired.stdout or b"").decode(errors="replace")


def unit_programs(folder):
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    return [path for path in paths if os.path.isfile(path) and
            os.access(path, os.X_OK) and not path.endswith(".so")]


def uses_googletest(path):
    with open(path, "rb") as program:
        return b"GoogleTest" in program.read()


def googletest_counts(report):
    """The outcomes in a GoogleTest JSON report."""
    counts = Counter()
    for suite in report["testsuites"]:
        for test in suite["testsuite"]:
            if test.get("failures"):
                counts["failed"] += 1
            elif test.get("result") == "SKIPPED" or test["status"] != "RUN":
                counts["skipped"] += 1
            else:
                counts["passed"] += 1
    return counts


def run_unit(path, shard, shards, timeout):
    """Runs one shard of a program; shards is 1 for what is no GoogleTest."""
    name = os.path.basename(path)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        environment = dict(os.environ, GTEST_OUTPUT="json:" + report,
                           GTEST_TOTAL_SHARDS=str(shards),
                           GTEST_SHARD_INDEX=str(shard), GTEST_COLOR="no",
                           GTEST_BRIEF="1")
        status, output = run([path], timeout, environment)
        counts = Counter()
        if os.path.exists(report):
            with open(report) as file:
                counts = googletest_counts(json.load(file))
        elif status == 0 and shards == 1 and not uses_googletest(path):
            counts["passed"] = 1
        if status is None:
            output += f"\n{name}: stopped after {timeout} s"
        if status != 0 and not counts["failed"]:
            counts["failed"] += 1  # crashed, or was stopped, within a test
            output += f"\n{name}: exit status {status}"
    return name, counts, output, time.monotonic() - start


def run_python(build, timeout):
    """Runs python/tests with the attnc of the build."""
    start = time.monotonic()
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    python = os.path.join(os.path.abspath(build), "python", "bin", "python")
    name = "python/tests"
    if not os.path.exists(python):
        say(f"  {name}: skipped: {python} is not there, which scripts/python-env makes")
        return name, Counter(skipped=1), "", 0
    tools = os.path.join(os.path.abspath(build), "bin")
    status, output = run(
        [python, "-m", "unittest", "discover", "-v", "-s",
         os.path.join(root, "python", "tests")], timeout,
        dict(os.environ, PYTHONPATH=os.path.join(root, "python"),
             PATH=tools + os.pathsep + os.environ["PATH"]))
    found = re.search(r"^Ran (\d+) tests?", output, re.M)
    counts = Counter({what: int(number) for what, number in
                      re.findall(r"(failures|errors|skipped)=(\d+)", output)})
    counts["failed"] = counts.pop("failures", 0) + counts.pop("errors", 0)
    if found:
        counts["passed"] = max(
            0, int(found.group(1)) - counts["failed"] - counts["skipped"])
    if status != 0 and not counts["failed"]:
        counts["failed"] += 1
        output += f"\n{name}: " + (f"stopped after {timeout} s" if status is None
                                   else f"exit status {status}")
    for reason, times in Counter(re.findall(r"skipped ['\"](.*)['\"]$", output,
                                            re.M)).items():
        say(f"  {name}: {times} skipped: {reason}")
    return name, counts, output, time.monotonic() - start


def run_units(build, jobs, timeout, wanted):
    total = Counter()
    folder = os.path.join(build, "bin", "unit")
    with ThreadPoolExecutor(jobs) as pool:
        tasks = []
        if (os.path.exists(os.path.join(build, "bin", "attnc"))
                and wanted in "python/tests"):
            tasks.append(pool.submit(run_python, build, timeout))
        for path in unit_programs(folder) if os.path.isdir(folder) else ():
            if wanted not in path:
                continue
            shards = jobs if uses_googletest(path) else 1
            tasks += [pool.submit(run_unit, path, i, shards, timeout)
                      for i in range(shards)]
        for done, task in enumerate(as_completed(tasks), 1):
            name, counts, output, took = task.result()
            total.update(counts)
            say(f"  [{done}/{len(tasks)}] {name}: {counts['passed']} passed, "
                f"{counts['failed']} failed in {took:.1f} s")
            if counts["failed"]:
                say(output)
    return total


def lit_command(build):
    """The lit that the build was configured with, or None."""
    with open(os.path.join(build, "CMakeCache.txt")) as cache:
        found = re.search(r"^ATTN_LIT:FILEPATH=(.*)$", cache.read(), re.M)
    if not found or found.group(1).endswith("NOTFOUND"):
        return None
    return [found.group(1)]


def run_lit(build, jobs, timeout, wanted):
    total = Counter()
    lit = lit_command(build)
    suite = os.path.join(build, "test")
    if not lit or not os.path.exists(os.path.join(suite, "lit.site.cfg.py")):
        say("  no lit suites: lit was not found when the build was configured")
        total["failed"] += 1
        return total
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "lit.json")
        command = lit + ["-sv", f"-j{jobs}", "-o", report, suite]
        if wanted:
            command += ["--filter", re.escape(wanted), "--allow-empty-runs"]
        start = time.monotonic()
        status, output = run(command, timeout)
        if os.path.exists(report):
            with open(report) as file:
                for test in json.load(file)["tests"]:
                    total[LIT_OUTCOMES.get(test["code"], "failed")] += 1
        if status != 0 and not total["failed"]:
            total["failed"] += 1
            output += f"\nlit: exit status {status}"
    say(f"  lit: {total['passed']} passed, {total['failed']} failed in "
        f"{time.monotonic() - start:.1f} s")
    if total["failed"]:
        say(output)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=900,
                        help="seconds for each program, and for lit")
    parser.add_argument("--filter", default="", help="only what has this in its path")
    parser.add_argument("--no-lit", action="store_true")
    options = parser.parse_args()

    say("Unit tests:")
    total = run_units(options.build, options.jobs, options.timeout, options.filter)
    if not options.no_lit:
        say("The lit suites:")
        total.update(run_lit(options.build, options.jobs, options.timeout,
                             options.filter))
    line = f"{total['passed']} passed, {total['failed']} failed"
    if total["skipped"]:
        line += f", {total['skipped']} skipped"
    say(line)
    return 0 if total["passed"] and not total["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
