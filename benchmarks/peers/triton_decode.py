# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Paged decode attention in Triton, for scripts/compare-compilers to compile.

Split over the tokens (flash decoding): `decode_split` attends over one part of a
request's tokens, `decode_merge` makes one state of the parts. One source serves
grouped heads and absorbed MLA, whose V is a prefix of K's rows; widths are powers of
two, as Triton's blocks are, so that MLA's 576 are 512 and 64.

    python benchmarks/peers/triton_decode.py     # checks it in Triton's interpreter
"""

import triton
import triton.language as tl


@triton.jit
def decode_split(q, k, v, block_table, seq_lens, part_out, part_lse,
                 k_block, k_token, k_head, v_block, v_token, v_head, table_row,
                 page, q_heads, SCALE: tl.constexpr, GROUP: tl.constexpr,
                 ROWS: tl.constexpr, TOKENS: tl.constexpr, K_DIM: tl.constexpr,
                 ROPE: tl.constexpr, V_DIM: tl.constexpr, V_IN_K: tl.constexpr):
    """Grid: requests, tiles of ROWS query heads that share a KV head, splits.
    K_DIM without the last ROPE elements; part_out [requests, q_heads, splits,
    V_DIM] and part_lse [requests, q_heads, splits] float32. Strides in elements.
    (SCALE is a constant: the C that Triton 3.9 writes gives a float parameter the
    address of a double.)"""
    TILES: tl.constexpr = (GROUP + ROWS - 1) // ROWS
    request, tile, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    splits = tl.num_programs(2)
    kv_head = tile // TILES
    row = tile % TILES * ROWS + tl.arange(0, ROWS)
    head = request * q_heads + kv_head * GROUP + row
    live = row < GROUP
    length = tl.load(seq_lens + request)
    part = tl.cdiv(tl.cdiv(length, splits), TOKENS) * TOKENS
    begin = split * part
    end = tl.minimum(begin + part, length)

    dim, v_dim = tl.arange(0, K_DIM), tl.arange(0, V_DIM)
    q_row = q + head.to(tl.int64)[:, None] * (K_DIM + ROPE)
    query = tl.load(q_row + dim[None, :], mask=live[:, None], other=0.0)
    if ROPE > 0:
        rope = K_DIM + tl.arange(0, ROPE)
        query_rope = tl.load(q_row + rope[None, :], mask=live[:, None], other=0.0)
    top = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    sums = tl.zeros([ROWS, V_DIM], tl.float32)
    for start in range(begin, end, TOKENS):
        token = start + tl.arange(0, TOKENS)
        inside = token < end
        block = tl.load(block_table + request * table_row + token // page,
                        mask=inside, other=0).to(tl.int64)
        k_row = k + block * k_block + (token % page) * k_token + kv_head * k_head
        key = tl.load(k_row[None, :] + dim[:, None], mask=inside[None, :], other=0.0)
        scores = tl.dot(query, key)
        if ROPE > 0:
            key_rope = tl.load(k_row[None, :] + rope[:, None],
                               mask=inside[None, :], other=0.0)
            scores = tl.dot(query_rope, key_rope, scores)
        scores = tl.where(inside[None, :], scores * (SCALE * 1.4426950408889634),
                          float("-inf"))
        higher = tl.maximum(top, tl.max(scores, 1))
        weights = tl.exp2(scores - higher[:, None])
        shrink = tl.exp2(top - higher)
        total = total * shrink + tl.sum(weights, 1)
        if V_IN_K:
            value = tl.trans(key)
        else:
            v_row = v + block * v_block + (token % page) * v_token + kv_head * v_head
            value = tl.load(v_row[:, None] + v_dim[None, :], mask=inside[:, None],
                            other=0.0)
        sums = sums * shrink[:, None] + tl.dot(weights.to(value.dtype), value)
        top = higher
    empty = total == 0
    sums = sums / tl.where(empty, 1.0, total)[:, None]
    lse = tl.where(empty, float("-inf"),
                   (top + tl.log2(total)) * 0.6931471805599453)
    slot = head.to(tl.int64) * splits + split
    tl.store(part_out + slot[:, None] * V_DIM + v_dim[None, :], sums,
             mask=live[:, None])
    tl.store(part_lse + slot, lse, mask=live)


@triton.jit
def decode_merge(part_out, part_lse, out, lse, splits, SPLITS: tl.constexpr,
                 V_DIM: tl.constexpr):
    """Grid: requests * q_heads. SPLITS: a power of two, at least splits."""
    head = tl.program_id(0).to(tl.int64)
    split, dim = tl.arange(0, SPLITS), tl.arange(0, V_DIM)
    inside = split < splits
    logs = tl.load(part_lse + head * splits + split, mask=inside,
                   other=float("-inf"))
    top = tl.max(logs, 0)
    top = tl.where(top == float("-inf"), 0.0, top)
    weights = tl.exp(logs - top)
    total = tl.sum(weights, 0)
    rows = tl.load(part_out + (head * splits + split)[:, None] * V_DIM
                   + dim[None, :], mask=inside[:, None], other=0.0)
    merged = tl.sum(rows * weights[:, None], 0) / tl.where(total == 0, 1.0, total)
    tl.store(out + head * V_DIM + dim, merged.to(out.dtype.element_ty))
    tl.store(lse + head, tl.where(total == 0, float("-inf"), top + tl.log(total)))


# What is compared: constants of decode_split in their order, KV heads, warps and
# stages. 16 rows are the least that a tensor core multiplies.
SHAPES = {
    "Llama-3.1-8B": dict(kv_heads=8, warps=4, stages=2, constants=dict(
        SCALE=128 ** -0.5, GROUP=4, ROWS=16, TOKENS=64, K_DIM=128, ROPE=0,
        V_DIM=128, V_IN_K=0)),
    "DeepSeek-V3": dict(kv_heads=1, warps=8, stages=1, constants=dict(
        SCALE=192 ** -0.5, GROUP=128, ROWS=64, TOKENS=32, K_DIM=512, ROPE=64,
        V_DIM=512, V_IN_K=1)),
}
SPLITS = 64


def signatures(shape):
    """What triton.tools.compile wants of both kernels, for a bf16 cache; `:16` are
    multiples of 16, as a program may assume of an engine's buffers and strides."""
    constants = shape["constants"]
    return {
        "decode_split": ", ".join(
            3 * ["*bf16:16"] + 2 * ["*i32:16"] + 2 * ["*fp32:16"] + 6 * ["i64:16"]
            + ["i64", "i32:16", "i32", *map(str, constants.values())]),
        "decode_merge": ", ".join(
            2 * ["*fp32:16"] + ["*bf16:16", "*fp32:16", "i32", str(SPLITS),
                                str(constants["V_DIM"])])}


def _check():
    """Both shapes against attention written out, in Triton's interpreter; in f16,
    since its tl.dot of bf16 multiplies bits."""
    import torch

    torch.manual_seed(1)
    page, splits, lengths = 16, 3, (100, 0, 37)
    for name, shape in SHAPES.items():
        constants, kv_heads = shape["constants"], shape["kv_heads"]
        q_heads = kv_heads * constants["GROUP"]
        k_dim = constants["K_DIM"] + constants["ROPE"]
        v_dim = constants["V_DIM"]
        table = torch.randperm(24, dtype=torch.int32).reshape(3, 8)
        q = torch.randn(3, q_heads, k_dim).to(torch.float16)
        k = torch.randn(24, page, kv_heads, k_dim).to(torch.float16)
        v = k[..., :v_dim]
        if not constants["V_IN_K"]:
            v = torch.randn(24, page, kv_heads, v_dim).to(torch.float16)
        part_out = torch.empty(3, q_heads, splits, v_dim)
        part_lse = torch.empty(3, q_heads, splits)
        out = torch.empty(3, q_heads, v_dim, dtype=torch.float16)
        lse = torch.empty(3, q_heads)
        tiles = kv_heads * triton.cdiv(constants["GROUP"], constants["ROWS"])
        decode_split[(3, tiles, splits)](
            q, k, v, table, torch.tensor(lengths, dtype=torch.int32), part_out,
            part_lse, *k.stride()[:3], *v.stride()[:3], table.stride(0), page,
            q_heads, **constants)
        decode_merge[(3 * q_heads,)](part_out, part_lse, out, lse, splits, SPLITS,
                                     v_dim)
        worst = 0.0
        for request, length in enumerate(lengths):
            rows = table[request].long()
            keys = k[rows].reshape(-1, kv_heads, k_dim)[:length].double()
            values = v[rows].reshape(-1, kv_heads, v_dim)[:length].double()
            keys, values = (x.repeat_interleave(constants["GROUP"], 1)
                            for x in (keys, values))
            scores = torch.einsum("hd,thd->ht", q[request].double(), keys)
            scores *= constants["SCALE"]
            expected = torch.einsum("ht,thd->hd", scores.softmax(1), values)
            worst = max(worst, (out[request].double() - expected).abs().max().item())
            logs = torch.logsumexp(scores, 1)
            assert torch.allclose(lse[request].double(), logs, atol=1e-3), name
        print(f"{name}: largest error {worst:.1e}, of values up to "
              f"{v.abs().max():.1f}")
        # Weights and output are rounded to f16, 2^-11 each.
        assert worst < 2 ** -10 * v.abs().max().item(), name


if __name__ == "__main__":
    # The decorators have looked at this when the module was loaded.
    if not triton.knobs.runtime.interpret:
        import os
        import sys
        os.execve(sys.executable, [sys.executable, __file__],
                  dict(os.environ, TRITON_INTERPRET="1"))
    _check()
