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

COLD_BYTES = 1.6e9  # What cold copies add up to, as in attn-bench.
ELEMENT_BYTES = {"bf16": 2, "f16": 2, "f32": 4}


@dataclass
class Case:
    """One shape at one context: q_heads query heads over kv_heads cached ones."""

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


class Skip(Exception):
    """A peer cannot do a case; the text says why."""


class Torch:
    """PyTorch's scaled_dot_product_attention, with enable_gqa."""

    name, package = "torch-sdpa", "torch"

    def __init__(self):
        import torch
        self.torch = torch

    def tensors(self, case, copies):
        torch = self.torch
        dtype = {"bf16": torch.bfloat16, "f16": torch.float16,
                 "f32": torch.float32}[case.dtype]

        def filled(heads, tokens, width):
            return torch.randn(case.batch, heads, tokens, width).to(dtype)

        query = filled(case.q_heads, 1, case.k_dim)
        key = filled(case.kv_heads, case.context, case.k_dim)
        value = filled(case.kv_heads, case.context, case.v_dim)
        caches = []
        for _ in range(copies):
            k = key.clone()
            caches.append((k, k[..., :case.v_dim] if case.latent
                           else value.clone()))
        return query, caches

    def prepare(self, case, copies, threads):
        torch = self.torch
        torch.set_num_threads(threads)
        query, caches = self.tensors(case, copies)
        attend = torch.nn.functional.scaled_dot_product_attention
        grouped = case.q_heads != case.kv_heads

        def call(rotation):
            key, value = caches[rotation % copies]
            with torch.inference_mode():
                attend(query, key, value, enable_gqa=grouped)

        return call


class TorchFlex(Torch):
    """PyTorch's flex_attention, compiled by inductor (needs a C++ compiler)."""

    name = "torch-flex"

    def prepare(self, case, copies, threads):
        torch = self.torch
        from torch.nn.attention.flex_attention import flex_attention
        torch.set_num_threads(threads)
        torch._dynamo.reset()  # Compiled code has its thread count built in.
        query, caches = self.tensors(case, copies)
        attend = torch.compile(flex_attention, dynamic=False)
        grouped = case.q_heads != case.kv_heads

        def call(rotation):
            key, value = caches[rotation % copies]
            with torch.inference_mode():
                attend(query, key, value, enable_gqa=grouped)

        return call


class OpenVINO:
    """OpenVINO's ScaledDotProductAttention over its own cache (a state).

    That is how exported models run, and what the CPU plugin has a decode kernel
    for; over keys and values that are inputs it is 20 times slower. Every call
    also appends one token, so the number of calls is limited.
    """

    name, package, appends = "openvino-stateful", "openvino", True

    def __init__(self):
        import numpy
        import openvino
        self.numpy, self.ov = numpy, openvino

    def model(self, case):
        np, ov = self.numpy, self.ov
        from openvino import opset6
        from openvino import opset13 as ops
        group = case.q_heads // case.kv_heads

        def parameter(heads, width):
            return ops.parameter([case.batch, heads, -1, width], ov.Type.f32)

        def integers(*values):
            return ops.constant(np.array(values, np.int64))

        beam = ops.parameter([-1], ov.Type.i32)
        sinks = []

        def cached(new, name, width):
            shape = [case.batch, case.kv_heads]
            empty = ops.constant(np.zeros([*shape, 0, width], np.float32))
            past = opset6.read_value(empty, name, ov.Type.f32,
                                     ov.PartialShape([*shape, -1, width]))
            past = ops.gather(past, beam, ops.constant(np.int64(0)))
            tokens = ops.concat([past, new], 2)
            sinks.append(opset6.assign(tokens, name))
            if group == 1:
                return tokens
            # A group's heads share one: the form that exporters give it.
            tail = ops.gather(ops.shape_of(tokens), integers(2, 3),
                              ops.constant(np.int64(0)))
            wide = ops.broadcast(
                ops.unsqueeze(tokens, ops.constant(np.int64(2))),
                ops.concat([integers(*shape, group), tail], 0),
                broadcast_spec="BIDIRECTIONAL")
            return ops.reshape(wide, integers(0, case.q_heads, -1, width),
                               True)

        q = parameter(case.q_heads, case.k_dim)
        k = parameter(case.kv_heads, case.k_dim)
        v = parameter(case.kv_heads, case.v_dim)
        attend = ops.scaled_dot_product_attention(
            q, cached(k, "key", case.k_dim), cached(v, "value", case.v_dim))
        return ov.Model([ops.result(attend)], sinks, [q, k, v, beam], "attend")

    def prepare(self, case, copies, threads):
        np, ov = self.numpy, self.ov
        if case.latent:
            raise Skip("takes no value that is a part of the key")
        compiled = ov.Core().compile_model(
            self.model(case), "CPU",
            {"INFERENCE_NUM_THREADS": threads,
             "INFERENCE_PRECISION_HINT": case.dtype,
             "KV_CACHE_PRECISION": case.dtype, "PERFORMANCE_HINT": "LATENCY"})
        random = np.random.default_rng(0)

        def filled(heads, tokens, width):
            return ov.Tensor(random.standard_normal(
                [case.batch, heads, tokens, width], dtype=np.float32))

        inputs = [filled(case.q_heads, 1, case.k_dim),
                  filled(case.kv_heads, 1, case.k_dim),
                  filled(case.kv_heads, 1, case.v_dim),
                  ov.Tensor(np.zeros(case.batch, np.int32))]
        past = {"key": filled(case.kv_heads, case.context - 2, case.k_dim),
                "value": filled(case.kv_heads, case.context - 2, case.v_dim)}
        requests = []
        for _ in range(copies):
            request = compiled.create_infer_request()
            for index, tensor in enumerate(inputs):
                request.set_input_tensor(index, tensor)
            request.infer()  # The first one starts from an empty state.
            for state in request.query_state():
                state.state = past[state.name]
            request.infer()  # Makes room behind the state.
            shapes = {tuple(s.state.shape)[2] for s in request.query_state()}
            if shapes != {case.context - 1}:
                raise Skip(f"the cache holds {shapes} tokens")
            requests.append(request)

        def call(rotation):
            requests[rotation % copies].infer()

        return call


class LlamaCpp:
    """ggml's flash attention, in the library that llama-cpp-python ships."""

    name, package = "llama-cpp", "llama_cpp"

    def __init__(self):
        import ggml_attention
        self.ggml = ggml_attention.load()

    def prepare(self, case, copies, threads):
        return self.ggml.prepare(case, copies, threads)


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


def measure(call, budget, most):
    """Microseconds of calls: 7 or more within the budget [s], 3 if slow, and
    not above `most`."""
    start = time.perf_counter()
    call(0)
    call(1)
    slow = time.perf_counter() - start > 2
    least = 3 if slow else 7
    times, rotation, start = [], 2, time.perf_counter()
    while len(times) < least or (time.perf_counter() - start < budget
                                 and len(times) < most):
        begin = time.perf_counter()
        call(rotation)
        times.append((time.perf_counter() - begin) * 1e6)
        rotation += 1
    return times


def record(peer, case, mode, copies, threads, times):
    median = statistics.median(times)
    version = importlib.metadata.version(peer.package.replace("_", "-")
                                         if peer.package != "llama_cpp"
                                         else "llama-cpp-python")
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
        "machine": machine_class(), "load_1min": os.getloadavg()[0],
        "date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


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
                        times = measure(call, args.budget, min(most, 1000))
                    except Exception as error:
                        text = str(error).strip().split("\n")[0]
                        print(f"{title}: skipped, {text}", flush=True)
                        continue
                    records.append(record(peer, case, mode, copies, threads,
                                          times))
                    r = records[-1]
                    print(f"{title}: {r['median_us']:.0f} us, "
                          f"{r['gbps']:.2f} GB/s, {r['gflops']:.0f} GFLOP/s "
                          f"({r['repetitions']} times)", flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(records, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
