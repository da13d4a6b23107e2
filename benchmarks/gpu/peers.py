# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What else computes the same on this GPU: PyTorch, and packages found here.

Each peer has its own cache layout; the data is random, the L2 cold by the same
rotation, and what can be captured runs in a CUDA graph. `graph` says which did.
"""

import importlib
import statistics


def torch_or_none():
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def measure(torch, call, copies, replays=11):
    """Median time of call(i) over the copies i, in a graph where that works."""
    def round_of_calls():
        for i in range(copies):
            call(i)

    for _ in range(3):
        round_of_calls()
    torch.cuda.synchronize()
    graph = None
    try:
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            round_of_calls()
        graph = captured
    except RuntimeError:
        torch.cuda.synchronize()
    run = graph.replay if graph else round_of_calls
    times = []
    for _ in range(replays):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) * 1e3 / copies)
    return {"us": statistics.median(times), "graph": graph is not None}


def matmul_rate(torch, size=8192):
    """FLOP/s of a bf16 matmul."""
    a, b = (
        torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
        for _ in range(2)
    )
    time = measure(torch, lambda _: a @ b, 1)
    return 2 * size**3 / (time["us"] / 1e6)


def dense_inputs(torch, shape, batch, context, copies):
    make = lambda *s: torch.randn(*s, device="cuda", dtype=torch.bfloat16)
    q = make(batch, shape["q_heads"], 1, shape["k_dim"])
    caches = [
        (
            make(batch, shape["kv_heads"], context, shape["k_dim"]),
            make(batch, shape["kv_heads"], context, shape["v_dim"]),
        )
        for _ in range(copies)
    ]
    return q, caches


def sdpa(torch, q, caches, shape, batch, context):
    function = torch.nn.functional.scaled_dot_product_attention
    return lambda i: function(q, *caches[i], enable_gqa=True)


def flex_attention(torch, q, caches, shape, batch, context):
    module = importlib.import_module("torch.nn.attention.flex_attention")
    function = torch.compile(module.flex_attention)
    return lambda i: function(q, *caches[i], enable_gqa=True)


def flash_attn(torch, q, caches, shape, batch, context):
    module = importlib.import_module("flash_attn")
    query = q.transpose(1, 2).contiguous()
    tokens_first = [tuple(t.transpose(1, 2).contiguous() for t in c) for c in caches]
    lens = torch.full((batch,), context, device="cuda", dtype=torch.int32)
    return lambda i: module.flash_attn_with_kvcache(
        query, *tokens_first[i], cache_seqlens=lens
    )


def flashinfer(torch, q, caches, shape, batch, context):
    module = importlib.import_module("flashinfer")
    page, pages = 64, context // 64
    workspace = torch.empty(256 << 20, device="cuda", dtype=torch.uint8)
    wrapper = module.BatchDecodeWithPagedKVCacheWrapper(
        workspace, "NHD", use_tensor_cores=True
    )
    ints = dict(device="cuda", dtype=torch.int32)
    wrapper.plan(
        torch.arange(0, batch * pages + 1, pages, **ints),
        torch.randperm(batch * pages, device="cuda").to(torch.int32),
        torch.full((batch,), page, **ints),
        shape["q_heads"],
        shape["kv_heads"],
        shape["k_dim"],
        page,
        q_data_type=torch.bfloat16,
        kv_data_type=torch.bfloat16,
    )
    query = q[:, :, 0].contiguous()
    paged = [
        tuple(
            t.view(batch * pages, page, shape["kv_heads"], t.shape[-1]) for t in c
        )
        for c in caches
    ]
    return lambda i: wrapper.run(query, paged[i])


PEERS = {
    "torch SDPA": sdpa,
    "flash-attn": flash_attn,
    "FlashInfer": flashinfer,
    "FlexAttention": flex_attention,  # last, as it compiles for long
}


def run(torch, shape, batch, context, copies, has_time):
    """Name -> time, or why there is none."""
    q, caches = dense_inputs(torch, shape, batch, context, copies)
    results = {}
    for name, prepare in PEERS.items():
        if not has_time():
            results[name] = {"skipped": "out of time"}
            continue
        try:
            call = prepare(torch, q, caches, shape, batch, context)
            results[name] = measure(torch, call, copies)
        except Exception as error:  # a peer's trouble is its own
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            results[name] = {"skipped": text[:120]}
    return results
