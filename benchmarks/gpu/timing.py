# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times kernels with a cold L2, and the GPU's own ceilings.

Method: as many copies of the cache as make five times the L2 are used in turn,
all calls of a round in one CUDA graph; the time of a call is the median over
replays of the graph's time over its calls. `op` has plan, decode and combine;
`decode` the decode kernel alone, over a plan that was made before.
"""

import array
import ctypes
import random
import statistics

from driver import Buffer

# Kernel's line in benches.txt -> (batch, context).
POINTS = {
    "gqa:64/8/128": [(64, 8192), (64, 4096), (16, 8192), (1, 8192), (1, 32768)],
    "mha:40/128": [(32, 4096), (1, 4096)],
    "gqa:8/1/128": [(64, 8192)],
    "mqa:32/128": [(64, 8192), (32, 4096)],
    "gqa:64/8/64": [(64, 8192)],
    "gqa:16/8/256": [(64, 8192)],
    "mla:128/512+64": [(128, 4096), (1, 8192)],
    "mla:16/512+64": [(128, 4096), (1, 8192)],
}
DRY_POINTS = {"gqa:64/8/128": [(2, 256)], "mla:16/512+64": [(1, 128)]}
PAGE = 64
L2_FACTOR = 5
REPLAYS = 21


def random_bf16(count, seed=1):
    """Elements of random sign and mantissa in [0.5, 1): data without zeros, as
    a GPU's clock depends on how many bits change."""
    raw = int.from_bytes(random.Random(seed).randbytes(2 * count), "little")
    keep = int.from_bytes(b"\x7f\x80" * count, "little")
    exponent = int.from_bytes(b"\x00\x3f" * count, "little")
    return ((raw & keep) | exponent).to_bytes(2 * count, "little")


class Problem:
    """A batch of equally long requests over rotating copies of the cache."""

    def __init__(self, gpu, kernel, batch, context, pattern):
        facts = kernel.facts
        pages = (context + PAGE - 1) // PAGE
        blocks = batch * pages
        k_bytes = blocks * PAGE * facts["kv_heads"] * facts["k_dim"] * 2
        v_bytes = 0
        if kernel.has_value():
            v_bytes = blocks * PAGE * facts["kv_heads"] * facts["v_dim"] * 2
        self.kv_bytes = (k_bytes + v_bytes) * context // (pages * PAGE)
        wanted = L2_FACTOR * gpu.facts["l2_bytes"]
        self.copies = max(2, -(-wanted // self.kv_bytes))
        rows = batch * facts["q_len"] * facts["q_heads"]
        self.io_bytes = rows * (facts["k_dim"] + facts["v_dim"]) * 2
        self.flops = 2 * rows * context * (facts["k_dim"] + facts["v_dim"])

        def tiled(size):
            buffer = Buffer(gpu, size)
            buffer.tile(pattern)
            return buffer

        order = list(range(blocks))
        random.Random(2).shuffle(order)
        self.buffers = {
            "q": tiled(rows * facts["k_dim"] * 2),
            "out": Buffer(gpu, rows * facts["v_dim"] * 2),
            "lens": Buffer(gpu, 4 * batch),
            "table": Buffer(gpu, 4 * blocks),
        }
        self.buffers["lens"].write(array.array("i", [context] * batch).tobytes())
        self.buffers["table"].write(array.array("i", order).tobytes())
        self.caches = [
            (tiled(k_bytes), tiled(v_bytes) if v_bytes else None)
            for _ in range(self.copies)
        ]
        self.calls = []
        for k, v in self.caches:
            params = kernel.params(
                max_batch=batch,
                batch=batch,
                max_seq_len=context,
                page_size=PAGE,
                num_blocks=blocks,
                max_blocks=pages,
                block_table_stride=pages,
                q=self.buffers["q"].address,
                k=k.address,
                v=v.address if v else None,
                out=self.buffers["out"].address,
                seq_lens=self.buffers["lens"].address,
                block_table=self.buffers["table"].address,
                stream=gpu.stream.value,
                **kernel.dense_strides(PAGE),
            )
            self.calls.append(params)
        size = kernel.workspace_bytes(self.calls[0])
        self.buffers["workspace"] = Buffer(gpu, size)
        for params in self.calls:
            params.workspace = self.buffers["workspace"].address
            params.workspace_bytes = size


def graph_seconds(gpu, enqueue, calls):
    """Median time of one of the calls that `enqueue` makes, in a graph."""
    launch = gpu.capture(enqueue)
    for _ in range(3):
        launch()
    gpu.synchronize()
    times = sorted(gpu.seconds(launch) for _ in range(REPLAYS))
    return {
        "us": statistics.median(times) / calls * 1e6,
        "best_us": times[0] / calls * 1e6,
        "worst_us": times[-1] / calls * 1e6,
    }


def time_kernel(gpu, kernel, batch, context, pattern):
    problem = Problem(gpu, kernel, batch, context, pattern)
    # A graph of some calls at least, so that its own launch does not count.
    turns = max(1, 8 // problem.copies)

    def enqueue():
        for _ in range(turns):
            for params in problem.calls:
                kernel.decode(params)

    enqueue()
    gpu.synchronize()
    result = {
        "batch": batch,
        "context": context,
        "page": PAGE,
        "copies": problem.copies,
        "kv_bytes": problem.kv_bytes,
        "io_bytes": problem.io_bytes,
        "flops": problem.flops,
        "op": graph_seconds(gpu, enqueue, turns * problem.copies),
    }
    kernel.only_decode = True
    try:
        result["decode"] = graph_seconds(gpu, enqueue, turns * problem.copies)
    finally:
        kernel.only_decode = False
    return result


def ceilings(gpu, stream_image, megabytes):
    """Read and copy bandwidth [bytes/s] over buffers far larger than the L2."""
    function = gpu.load(stream_image, "stream_read")
    threads, per_thread = 512, 8
    ctas = gpu.facts["sms"] * 4
    turn = ctas * threads * per_thread * 16
    size = max(turn, megabytes * 1000000 // turn * turn)
    source, target = Buffer(gpu, size), Buffer(gpu, size)
    source.fill(0x3C)
    target.fill(0x3C)
    arguments = [
        ctypes.c_uint64(source.address),
        ctypes.c_int64(size // 16),
        ctypes.c_uint64(target.address),
    ]
    pointers = (ctypes.c_void_p * 3)(*[ctypes.addressof(a) for a in arguments])

    def read():
        gpu.call(
            "cuLaunchKernel", function, ctas, 1, 1, threads, 1, 1, 0, gpu.stream,
            pointers, None,
        )

    def copy():
        gpu.copy(target.address, source.address, size)

    reading = graph_seconds(gpu, read, 1)
    copying = graph_seconds(gpu, copy, 1)
    return {
        "bytes": size,
        "read_bytes_per_s": size / (reading["us"] / 1e6),
        # What a copy reads and what it writes.
        "copy_bytes_per_s": 2 * size / (copying["us"] / 1e6),
    }
