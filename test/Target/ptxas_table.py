# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What ptxas makes of the GPU kernels, beside a table of before.

    ptxas_table.py --source ROOT            compares with ptxas-table.txt
    ptxas_table.py --source ROOT --update   writes it anew

attn-ptx is found in PATH. It fails where a kernel spills, has a stack, touches
local memory, copies less than 16 bytes at a time, keeps too few bytes in flight,
or makes ptxas report a performance loss (C75xx): such kernels are not tabulated
but are errors. The figures are the same on every machine with the same ptxas.
"""

import argparse
import os
import re
import subprocess
import sys

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ptxas-table.txt")

# Name, input below the source tree, options.
KERNELS = [
    ("mha-bf16", "test/models/llama-2-7b.json", []),
    ("gqa4-bf16", "test/models/llama-3.1-8b.json", []),
    ("gqa4-f16", "test/models/llama-3.1-8b.json", ["--dtype=f16"]),
    ("gqa4x4-bf16", "test/models/llama-3.1-8b.json", ["--q-len=4"]),
    ("gqa7-bf16", "test/models/qwen2-7b.json", []),
    ("mqa48-bf16", "test/models/starcoder.json", []),
    ("gemma2-bf16", "test/models/gemma-2-9b.json", []),
    ("gpt-oss-bf16", "test/models/gpt-oss-20b.json", []),
    ("mimo-bf16", "test/models/mimo-v2-flash.json", []),
    ("phi3-bf16", "test/models/phi-3-mini-4k.json", []),
    ("alibi-bf16", "examples/alibi.mlir", []),
    ("mla16-bf16", "test/models/deepseek-v2-lite.json", []),
    ("mla128-bf16", "test/models/deepseek-v3.json", []),
    ("chain128-bf16", "test/Target/Inputs/mla-chain-v3.mlir", []),
    ("chain40-bf16", "test/Target/Inputs/mla-chain-minicpm3.mlir", []),
    ("full128-bf16", "test/Target/Inputs/mla-materialized-v3.mlir", []),
    ("full20-f16", "test/Target/Inputs/mla-materialized-glm.mlir", []),
    ("fused128-bf16", "test/Target/Inputs/mla-fused-v3.mlir", []),
    ("fused128x1-bf16", "test/Target/Inputs/mla-fused-v3-few.mlir", []),
    ("fused20-bf16", "test/Target/Inputs/mla-fused-glm.mlir", []),
    ("fused40-bf16", "test/Target/Inputs/mla-fused-minicpm3.mlir", []),
]

HEADER = """\
# Of ptxas {version}; see ptxas_table.py, which writes this:
#   test/Target/update-ptxas-table BUILD
# No kernel spills, has a stack or uses local memory. smem: bytes, static and
# dynamic. CTAs, warps: theoretical occupancy of an SM and what limits it.
# flight: bytes of the cache (a projection of latent rows: of these), or of a
# projection's weights, on their way to an SM while it waits.
# kernel       function                         arch    regs    smem threads CTAs warps limit         flight
"""


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(
            f"error: {' '.join(command)}:\n{result.stdout}{result.stderr.strip()}"
        )
    return result.stdout


def ptxas_version():
    text = run(["attn-ptx", "--ptxas-version"])
    return re.search(r"V([0-9.]+)", text).group(1)


def measure(source, kernel):
    name, path, options = kernel
    text = run(["attn-ptx", os.path.join(source, path), *options])
    for line in text.splitlines():
        function, arch, regs, _, _, smem, threads, ctas, warps, *limit, flight = (
            line.split()
        )
        yield (
            f"{name:<14} {function:<32} {arch:<7} {regs:>4} {smem:>7} {threads:>7} "
            f"{ctas:>4} {warps:>5} {' '.join(limit):<13} {flight:>6}"
        )


def key(row):
    return tuple(row.split()[:3])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    version = ptxas_version()
    rows = [row for kernel in KERNELS for row in measure(options.source, kernel)]
    if options.update:
        with open(TABLE, "w") as table:
            table.write(HEADER.format(version=version))
            table.writelines(row + "\n" for row in rows)
        return 0
    with open(TABLE) as table:
        text = table.read()
    if f"ptxas {version};" not in text:
        print(f"no kernel has a fault; not compared: the table is not of {version}")
        return 0
    before = {key(r): r for r in text.splitlines() if r and not r.startswith("#")}
    after = {key(row): row for row in rows}
    bad = 0
    for each in sorted(before.keys() | after.keys()):
        if before.get(each) != after.get(each):
            print(f"error: was {before.get(each)}\n       is  {after.get(each)}")
            bad = 1
    if bad:
        print("where that is meant, run test/Target/update-ptxas-table")
    return bad


if __name__ == "__main__":
    sys.exit(main())
