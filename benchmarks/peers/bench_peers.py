#!/usr/bin/env python3
# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times decode attention of what a user could install from PyPI instead.

Same shapes, fields and warm/cold rule as attn-bench; a record says its `peer`.
Every peer is optional: one that is not installed is skipped with the reason,
and nothing is ever installed from here. See README.md.
"""

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, "..", "..", "scripts")]
from bench_table import machine_class
from ggml_attention import LlamaCpp
from openvino_attention import OpenVINO
from torch_attention import Torch, TorchFlex

COLD_BYTES = 1.6e9  # What cold copies add up to, as in attn-bench.
DISTURBED = 0.05  # Share of the time without a core that spoils a figure.
ELEMENT_BYTES = {"bf16": 2, "f16": 2, "f32": 4}


@dataclass
class Case:
    """One shape at one context: q_heads query heads, kv_heads cached ones."""

    shape: str
    dtype: str
    context: int
    batch: int = 1

    def __post_init__(self):
        kind, sizes = self.shape.split(":")
        numbers = [int(n) for n in sizes.replace("+", "/").split("/")]
        self.latent = kind == "mla"
        if kind == "mla":
            self.q_heads, rank, rope = numbers
            self.kv_heads, self.k_dim, self.v_dim = 1, rank + rope, rank
        elif kind == "gqa":
            self.q_heads, self.kv_heads, self.k_dim = numbers
            self.v_dim = self.k_dim
        else:
            self.q_heads, self.k_dim = numbers
            self.kv_heads = 1 if kind == "mqa" else self.q_heads
            self.v_dim = self.k_dim

    @property
    def cached_bytes(self):
        width = self.k_dim + (0 if self.latent else self.v_dim)
        rows = self.batch * self.kv_heads * self.context
        return rows * width * ELEMENT_BYTES[self.dtype]

    @property
    def flops(self):
        return 2 * self.batch * self.q_heads * self.context * (
            self.k_dim + self.v_dim)


# Those of scripts/bench-cpu.
CASES = [
    Case("gqa:32/8/128", "bf16", 8192),
    Case("gqa:32/8/128", "f16", 8192),
    Case("gqa:32/8/128", "bf16", 1024),
    Case("mha:32/128", "bf16", 4096),
    Case("mqa:32/128", "bf16", 4096),
    Case("mla:128/512+64", "bf16", 4096),
    Case("mla:16/512+64", "bf16", 4096),
]


PEERS = [Torch, TorchFlex, OpenVINO, LlamaCpp]
INSTALL = {
    "torch": "pip install torch",
    "openvino": "pip install openvino numpy",
    "llama_cpp": "pip install llama-cpp-python  # compiles llama.cpp",
}


def why_absent(peer):
    if importlib.util.find_spec(peer.package) is None:
        return f"not installed (to have it: {INSTALL[peer.package]})"
    return None


def seconds_without_core():
    """That this process's threads were ready to run and others had the cores."""
    waited = 0
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/schedstat") as file:
                waited += int(file.read().split()[1])
        except OSError:  # The thread ended meanwhile.
            pass
    return waited * 1e-9


def measure(call, budget, most):
    """Microseconds of calls: 7 or more within the budget [s], 3 if slow, and
    not above `most`. Also the share of the time spent without a core."""
    start = time.perf_counter()
    call(0)
    call(1)
    slow = time.perf_counter() - start > 2
    least = 3 if slow else 7
    waited = seconds_without_core()
    times, rotation, start = [], 2, time.perf_counter()
    while len(times) < least or (time.perf_counter() - start < budget
                                 and len(times) < most):
        begin = time.perf_counter()
        call(rotation)
        times.append((time.perf_counter() - begin) * 1e6)
        rotation += 1
    elapsed = time.perf_counter() - start
    return times, (seconds_without_core() - waited) / elapsed


def record(peer, case, mode, copies, threads, times, waited):
    median = statistics.median(times)
    distribution = INSTALL[peer.package].split()[2]
    version = importlib.metadata.version(distribution)
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "peer": peer.name, "peer_version": version, "shape": case.shape,
        "dtype": case.dtype, "layout": "contiguous", "page": 0,
        "batch": case.batch, "context": case.context, "q_len": 1, "mode": mode,
        "copies": copies, "threads": threads, "isa": "peer's own choice",
        "emulated": False, "median_us": median, "min_us": min(times),
        "repetitions": len(times), "bytes": case.cached_bytes,
        "gbps": case.cached_bytes / median * 1e-3, "ceiling_gbps": 0,
        "flops": case.flops, "gflops": case.flops / median * 1e-3,
        "peak_gflops": 0, "fraction": 0, "bound": "",
        "waited": waited, "disturbed": waited > DISTURBED,
        "machine": machine_class(), "load_1min": os.getloadavg()[0],
        "date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def write(path, records):
    with open(path, "w") as file:
        json.dump(records, file, indent=1)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="append",
                        choices=[p.name for p in PEERS])
    parser.add_argument("--shape", help="only cases of this shape")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--mode", default="warm,cold")
    parser.add_argument("--budget", type=float, default=1.0,
                        help="seconds of timing for each figure")
    parser.add_argument("--json", help="file to write the records to")
    args = parser.parse_args()

    records = []
    for peer in PEERS:
        if args.peer and peer.name not in args.peer:
            continue
        reason = why_absent(peer)
        if reason:
            print(f"{peer.name}: skipped, {reason}")
            continue
        try:
            instance = peer()
        except Exception as error:  # A broken installation is no failure here.
            print(f"{peer.name}: skipped, does not load: {error}")
            continue
        for case in CASES:
            if args.shape and case.shape != args.shape:
                continue
            for mode in args.mode.split(","):
                cold = max(2, int(-(-COLD_BYTES // case.cached_bytes)))
                copies = cold if mode == "cold" else 1
                for threads in map(int, args.threads.split(",")):
                    title = (f"{peer.name} {case.shape} {case.dtype} "
                             f"{case.context} {mode} {threads} thr")
                    try:
                        call = instance.prepare(case, copies, threads)
                        # Where calls append, let the context grow by 2 %.
                        most = case.context // 50 * copies if getattr(
                            peer, "appends", False) else 1000
                        times, waited = measure(call, args.budget,
                                                min(most, 1000))
                    except Exception as error:
                        text = str(error).strip().split("\n")[0]
                        print(f"{title}: skipped, {text}", flush=True)
                        continue
                    records.append(record(peer, case, mode, copies, threads,
                                          times, waited))
                    r = records[-1]
                    print(f"{title}: {r['median_us']:.0f} us, "
                          f"{r['gbps']:.2f} GB/s, {r['gflops']:.0f} GFLOP/s "
                          f"({r['repetitions']} times)"
                          + (" disturbed" if r["disturbed"] else ""),
                          flush=True)
                    if args.json:  # Each time: a long run may be cut short.
                        write(args.json, records)


if __name__ == "__main__":
    main()
