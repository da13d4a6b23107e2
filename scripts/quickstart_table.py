#!/usr/bin/env python3
# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles, checks and times the decode kernels of two models; one table.

  quickstart_table.py BIN MODELS THREADS

BIN holds attn-run and attn-bench, MODELS the config.json files. Exit status 0
only if every check holds.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

PAGE = 64
# Model, config.json, batch, context. The float64 oracle sets the pace: these
# take it a few seconds.
CASES = [
    ("Llama-3.1-8B", "llama-3.1-8b.json", 1, 8192),
    ("Llama-3.1-8B", "llama-3.1-8b.json", 4, 1024),
    ("DeepSeek-V3", "deepseek-v3.json", 1, 2048),
    ("DeepSeek-V3", "deepseek-v3.json", 4, 512),
]
FOOTNOTE = """
bf16, pages of {page} tokens as engines lay them out, {threads} threads, {isa}.
us: one layer's attention for one token of each sequence, the median over KV
caches that no processor cache holds; ~: other processes took part of the time.
Read bandwidth: the GB/s that this machine reads from the same pages, measured
in the same run. Max error: against the float64 oracle; what it may be, and
why, is in docs/numerics.md."""
HEADER = re.compile(r"(\d+)/(\d+) heads, K (\d+), V (\d+)")


def call(program, arguments, report):
    """What the program prints and the JSON it writes; None if it fails."""
    done = subprocess.run([program, *map(str, arguments), "--json", report],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout, end="")
        print(f"{os.path.basename(program)}: exit status {done.returncode}")
        return done.stdout, None
    with open(report) as file:
        return done.stdout, json.load(file)[0]


def shape_of(text):
    """attn-bench's name for the heads that attn-run says it runs, and ours."""
    q, kv, k, v = map(int, HEADER.search(text).groups())
    if v < k and kv == 1:
        return f"mla:{q}/{v}+{k - v}", f"absorbed MLA {q}/{v}+{k - v}"
    return f"gqa:{q}/{kv}/{k}", f"GQA {q}/{kv}/{k}"


def measure(tools, models, threads, case, folder):
    """The table's row of a case, and what was said about the run."""
    model, config, batch, context = case
    path = os.path.join(models, config)
    with open(path) as file:
        layers = json.load(file)["num_hidden_layers"]
    common = ["--threads", threads, "--page", PAGE, "--batch", batch,
              "--context", context]
    print(f"   {model}, batch {batch}, context {context}: compiling, running, "
          "checking", flush=True)
    report = os.path.join(folder, "record.json")
    text, check = call(os.path.join(tools, "attn-run"),
                       [path, "--check", *common], report)
    if check is None:
        return None, None
    shape, variant = shape_of(text)
    print(f"   {model}, batch {batch}, context {context}: timing", flush=True)
    _, time = call(os.path.join(tools, "attn-bench"),
                   ["--shape", shape, "--mode", "cold", "--seconds", 0.5,
                    *common], report)
    if time is None:
        return None, None
    per_token = time["bytes"] // (batch * context)
    mark = "~" if time["disturbed"] else ""
    row = (model, variant, f"{per_token} x {layers} layers",
           f"{batch} x {context}", f"{time['median_us']:.0f}{mark}",
           f"{time['gbps']:.2f}",
           f"{100 * time['gbps'] / time['ceiling_gbps']:.0f} % of "
           f"{time['ceiling_gbps']:.1f}", f"{check['max_error']:.1e}",
           "ok" if check["ok"] else "FAILED")
    return row, time


def main(tools, models, threads):
    rows = [("model", "variant", "KV bytes/token", "batch x context", "us",
             "GB/s", "read bandwidth", "max error", "check")]
    complete, last = True, None
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            row, time = measure(tools, models, threads, case, folder)
            complete &= row is not None and row[-1] == "ok"
            if row:
                rows.append(row)
                last = time
    widths = [max(map(len, column)) for column in zip(*rows)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip())
    if last:
        print(FOOTNOTE.format(page=PAGE, threads=threads, isa=last["isa"]))
    return 0 if complete else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
