# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The GPU kernels' machine code, by nvdisasm, and a roofline from it.

    sass_check.py --models test/models --nvdisasm PROGRAM

attn-ptx is found in PATH. Fails where a decode kernel touches local memory, copies
less than 16 bytes at a time or has no tensor-core instruction. Prints, for the loop
over the tiles of the cache,

    issue   cycles an SM needs to issue it: its instructions, as if all branches in it
            were taken, times the warps over four schedulers
    tensor  cycles of its HMMA at 8 each, A100's rate (1024 multiply-adds a cycle and
            SM, its white paper), which mma.sync has at least on later GPUs
    memory  cycles its tile takes to arrive: bytes over an SM's share of an H200's
            4.8 TB/s at 1.98 GHz, 18.4 bytes a cycle; a tile that several row blocks
            read counts once, as L2 has it for the others at best

Where issue or tensor is above memory the loop cannot reach the bandwidth; below it
proves nothing. These are counts, not measurements.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

KERNELS = [
    ("llama-2-7b", "sm_90"),
    ("llama-3.1-8b", "sm_80"),
    ("llama-3.1-8b", "sm_90"),
    ("starcoder", "sm_90"),
    ("deepseek-v2-lite", "sm_90"),
    ("deepseek-v3", "sm_90"),
]
BYTES_PER_CYCLE = 4.8e12 / 132 / 1.98e9
SCHEDULERS, WARP, V_IN_K = 4, 32, 4
CYCLES_PER_HMMA = 8


def run(command, **kwargs):
    result = subprocess.run(command, capture_output=True, **kwargs)
    if result.returncode:
        sys.exit(f"error: {' '.join(command)}: {result.stderr.decode()}")
    return result.stdout


def functions(sass):
    """Name -> lines: labels as `.L_x_1:` and instructions without their address."""
    found, lines = {}, []
    for line in sass.splitlines():
        section = re.match(r"\.text\.(\w+):", line)
        if section:
            lines = found.setdefault(section.group(1), [])
        elif re.match(r"\s*\.L_x_\d+:", line):
            lines.append(line.strip())
        elif instruction := re.match(r"\s*/\*[0-9a-f]+\*/\s*(.*?)\s*;", line):
            lines.append(instruction.group(1))
    return found


def opcode(line):
    return re.sub(r"^@!?U?P\w+\s+", "", line).split(" ")[0]


def tile_loop(lines):
    """The smallest loop with the most tensor-core instructions."""
    labels = {line[:-1]: i for i, line in enumerate(lines) if line.endswith(":")}
    loops = []
    for end, line in enumerate(lines):
        target = re.search(r"BRA\S* .*?(\.L_x_\d+)", line)
        begin = labels.get(target.group(1)) if target else None
        if begin is not None and begin < end:
            body = [l for l in lines[begin:end] if not l.endswith(":")]
            mma = sum(opcode(l).startswith("HMMA") for l in body)
            loops.append((mma, -len(body)))
    mma, size = max(loops)
    return -size, mma


def decode_of(nvvm):
    """The decode kernel's name and facts."""
    name, text = re.search(
        r"llvm\.func @(\w+)\(.*attn\.gpu_kernel = \{(.*?)\}", nvvm
    ).groups()
    return name, {k: int(v) for k, v in re.findall(r"(\w+) = (-?\d+) : i64", text)}


def check(models, nvdisasm, model, arch):
    command = ["attn-ptx", os.path.join(models, model + ".json"), "--target", arch]
    decode, facts = decode_of(run(command + ["--emit", "nvvm"]).decode())
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(run(command + ["--emit", "cubin"]))
        cubin.flush()
        sass = run([nvdisasm, "-c", cubin.name]).decode()
    bad = 0
    for name, lines in functions(sass).items():
        codes = [opcode(line) for line in lines]
        copies = [c for c in codes if c.startswith("LDGSTS")]
        is_decode = name == decode
        faults = {
            "local memory": any(c.startswith(("LDL", "STL")) for c in codes),
            "narrow copies": any(".128" not in c for c in copies),
            "no copies": is_decode and not copies,
            "no tensor cores": is_decode and not any("HMMA" in c for c in codes),
        }
        for fault in [f for f, is_so in faults.items() if is_so]:
            print(f"error: {model} {arch} {name}: {fault}")
            bad = 1
        if not is_decode:
            continue
        instructions, mma = tile_loop(lines)
        width = facts["k_dim"] + (0 if facts["flags"] & V_IN_K else facts["v_dim"])
        tile_bytes = facts["kv_tile"] * width * 2
        per_scheduler = facts["threads"] / WARP / SCHEDULERS
        issue = instructions * per_scheduler
        tensor = mma * CYCLES_PER_HMMA * per_scheduler
        memory = tile_bytes / facts["row_blocks"] / BYTES_PER_CYCLE
        print(
            f"{model} {arch}: loop of {instructions} instructions, {mma} HMMA; "
            f"issue {issue:.0f}, tensor {tensor:.0f}, memory {memory:.0f} cycles"
        )
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", required=True)
    parser.add_argument("--nvdisasm", required=True)
    options = parser.parse_args()
    bad = 0
    for model, arch in KERNELS:
        bad |= check(options.models, options.nvdisasm, model, arch)
    return bad


if __name__ == "__main__":
    sys.exit(main())
