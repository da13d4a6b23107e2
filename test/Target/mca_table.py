# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Estimates the inner loops of kernels with llvm-mca, beside a table of before.

    mca_table.py --models test/models            compares with mca-table.txt
    mca_table.py --models test/models --update   writes it anew

attn-run and llvm-mca are found in PATH. What is estimated are the loops that
multiply: cycles per turn with all data in L1. Per token and KV head,

    cycles = (cycles of the loops / multiplications in them)
             * multiplications that a token needs

where a token needs rows * (K + V) products of real rows, so many to an
instruction as the engine has. Estimates are the same on every machine; the
table shows what a change of the code does to them, not what a machine does.
"""

import argparse
import json
import os
import re
import subprocess
import sys

import asm_loops
from check_object import ANY_MULTIPLY, MULTIPLY

TOLERANCE = 0.10
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mca-table.txt")

# Name, model, options; rows a KV head, widths of K and V; level.
KERNELS = [
    ("gqa4-bf16-row", "llama-3.1-8b", "", (4, 128, 128), "avx2"),
    ("gqa4-bf16-own", "llama-3.1-8b", "--layout own", (4, 128, 128), "avx2"),
    ("gqa4-f16-row", "llama-3.1-8b", "--dtype f16", (4, 128, 128), "avx2"),
    ("mha-bf16-row", "llama-2-7b", "", (1, 128, 128), "avx2"),
    ("mqa48-bf16-row", "starcoder", "", (48, 128, 128), "avx2"),
    ("mla128-bf16-row", "deepseek-v3", "", (128, 576, 512), "avx2"),
    ("gqa4-bf16-row", "llama-3.1-8b", "", (4, 128, 128), "avx512"),
    ("gqa4-f16-row", "llama-3.1-8b", "--dtype f16", (4, 128, 128), "avx512"),
    ("mla128-bf16-row", "deepseek-v3", "", (128, 576, 512), "avx512"),
    ("gqa4-bf16-own", "llama-3.1-8b", "--layout own", (4, 128, 128), "avx512bf16"),
    ("mla128-bf16-row", "deepseek-v3", "", (128, 576, 512), "avx512bf16"),
    ("gqa4-bf16-own", "llama-3.1-8b", "--layout own", (4, 128, 128), "amx"),
    ("gqa4x4-bf16-row", "llama-3.1-8b", "--q-len 4", (16, 128, 128), "amx"),
    ("mla128-bf16-row", "deepseek-v3", "", (128, 576, 512), "amx"),
]
HOT = ANY_MULTIPLY + "|tileload|tilestore"
CPU = {"avx2": "znver3"}


def products(engine, level):
    """Products of one instruction: row x token x element."""
    if engine == "fma":
        return 8 if level == "avx2" else 16
    return 32 if engine == "dpbf16" else 16 * 16 * 32


def run(command, **kwargs):
    result = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if result.returncode:
        sys.exit(f"error: {' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def hot_loops(function):
    """The innermost loops that multiply keys or values (more than exp2 does), and
    straight code around other loops that does, from its first to its last
    multiplication: a tile of few tokens leaves no loop over them."""
    for loop in function.loops():
        if loop.innermost:
            yield from hot_part(loop)
    for run in function.straight_runs():
        hot = [
            n for n, i in enumerate(run.instructions) if re.match(HOT, i.mnemonic)
        ]
        if hot:
            run.instructions = run.instructions[hot[0] : hot[-1] + 1]
            yield from hot_part(run)


def hot_part(loop):
    engine = [e for e in ("amx", "dpbf16") if loop.count(MULTIPLY[e])]
    fma = loop.count(MULTIPLY["fma"])
    dense = fma >= 8 and fma >= 0.3 * len(loop.instructions)
    if engine or fma >= 16 or dense:
        yield loop, engine[0] if engine else "fma"


def estimate(loops, cpu):
    """Cycles per turn of each loop."""
    text = []
    for number, loop in enumerate(loops):
        text.append(f"# LLVM-MCA-BEGIN loop{number}")
        for i in loop.instructions:
            # A branch within is taken as not taken.
            if not asm_loops.JUMP.match(i.mnemonic):
                text.append(f"\t{i.mnemonic}\t{i.operands}")
        text.append("# LLVM-MCA-END")
    iterations = 100
    command = ["llvm-mca", "-json", f"-mcpu={cpu}", f"-iterations={iterations}"]
    output = run(
        command + ["-mtriple=x86_64-unknown-linux-gnu", "-"], input="\n".join(text) + "\n"
    )
    regions = json.loads(output)["CodeRegions"]
    return [r["SummaryView"]["TotalCycles"] / iterations for r in regions]


def measure(models, kernel):
    name, model, options, (rows, k, v), level = kernel
    path = os.path.join(models, model + ".json")
    text = run(["attn-run", path, "--isa", level, "--emit=asm", *options.split()])
    functions = [
        f for n, f in asm_loops.parse(text).items() if not n.endswith("_combine")
    ]
    hot = [pair for f in functions for pair in hot_loops(f)]
    if not hot:
        sys.exit(f"error: {name} has no loop that multiplies")
    cycles = estimate([loop for loop, _ in hot], CPU.get(level, "sapphirerapids"))
    engine = hot[0][1]
    multiplies = [loop.count(ANY_MULTIPLY) for loop, _ in hot]
    needed = rows * (k + v) / products(engine, level)
    per_token = sum(cycles) / sum(multiplies) * needed
    turns = " ".join(f"{c:.0f}/{m}" for c, m in zip(cycles, multiplies))
    return f"{name} {level}", per_token, turns


HEADER = """\
# Estimated by llvm-mca (version {version}); see mca_table.py, which writes this:
#   test/Target/update-mca-table BUILD
# cycles/token: per token and KV head. loops: cycles per turn / multiplications.
# kernel              level        cycles/token  loops
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", required=True)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    version = re.search(r"version (\d+)", run(["llvm-mca", "--version"])).group(1)
    rows = [measure(options.models, kernel) for kernel in KERNELS]
    if options.update:
        with open(TABLE, "w") as table:
            table.write(HEADER.format(version=version))
            for key, cycles, turns in rows:
                name, level = key.split()
                table.write(f"{name:<21} {level:<12} {cycles:>12.1f}  {turns}\n")
        return 0
    before = {}
    with open(TABLE) as table:
        text = table.read()
    if f"(version {version})" not in text:
        print(f"skipped: the table is not of llvm-mca {version}")
        return 0
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, level, cycles, *_ = line.split()
            before[f"{name} {level}"] = float(cycles)
    bad = set(before) ^ {key for key, _, _ in rows}
    for key in bad:
        print(f"error: {key} is in the table or in the script, not in both")
    for key, cycles, turns in rows:
        change = cycles / before.get(key, cycles) - 1
        print(f"{key}: {cycles:.1f} cycles/token, {change:+.0%} ({turns})")
        if abs(change) > TOLERANCE:
            print(
                f"error: {key} had {before[key]:.1f}; where that is meant, run "
                "test/Target/update-mca-table"
            )
            bad.add(key)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
