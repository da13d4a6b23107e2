# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A pack, opened."""

import json
import os
import threading

import tvm_ffi

try:
    import numpy
except ImportError:  # PyTorch's tensors do without
    numpy = None


class Pool:
    """Threads that calls run on; without one the caller's thread alone."""

    def __init__(self, pack, threads):
        self.pack = pack
        self._destroy = pack.functions["pool_destroy"]
        self.handle = pack.functions["pool_create"](threads)

    def __del__(self):
        if getattr(self, "handle", None):
            self._destroy(self.handle)
            self.handle = None


class Pack:
    """The folder that attnc wrote."""

    def __init__(self, folder):
        with open(os.path.join(folder, "manifest.json")) as file:
            self.manifest = json.load(file)
        if self.manifest["schema"] != 1:
            raise ValueError(f"{folder}: manifest schema "
                             f"{self.manifest['schema']} is not known")
        self.name = self.manifest["name"]
        # Pairs of a model and a kind of layer.
        self.layers = tuple((model["name"], kind["kind"])
                            for model in self.manifest["models"]
                            for kind in model["kinds"])
        self.path = os.path.join(folder, f"lib{self.name}_attn.so")
        module = tvm_ffi.load_module(self.path)
        self.functions = {name: module[name] for name in (
            "append", "decode", "decode_workspace_size", "merge",
            "merge_workspace_size", "num_kernels", "pool_create",
            "pool_destroy")}

    def find(self, model=None, kind=None):
        """The one pair of `layers` that matches; both may be left out where there
        is one."""
        found = [pair for pair in self.layers
                 if model in (None, pair[0]) and kind in (None, pair[1])]
        if len(found) != 1:
            raise KeyError(f"{len(found)} kinds of layer match {model}/{kind}; the "
                           f"pack has {', '.join(map('/'.join, self.layers))}")
        return found[0]

    def layer(self, model=None, kind=None, pool=None):
        """The layers that `find` finds."""
        return Layer(self, *self.find(model, kind), pool)


class Layer:
    """Layers of one kind: their facts, and calls of their kernels."""

    def __init__(self, pack, model, kind, pool=None):
        if pool is not None and pool.pack is not pack:
            raise ValueError("the pool belongs to another pack")
        self.pack = pack
        self.model, self.kind = model, kind
        entry = next(entry for entry in pack.manifest["models"]
                     if entry["name"] == model)
        kernel = next(of["kernel"] for of in entry["kinds"] if of["kind"] == kind)
        self.max_context = entry["max_context"]
        self.max_batch = pack.manifest["capacities"]["max_batch"]
        self.pool = pool
        self.facts = next(facts for facts in pack.manifest["kernels"]
                          if facts["name"] == kernel + "_q1")
        self._local = threading.local()  # calls release the GIL

    def decode(self, q, k, v=None, seq_lens=None, block_table=None, *,
               sinks=None, out=None, lse=None, batch_invariant=False):
        """Attention of q over the cache.

        q [batch, q_len, q_heads, k_dim]; k [blocks, page, kv_heads, k_dim] and v
        [..., v_dim], of any strides (v None where V is a prefix of K: MLA);
        seq_lens int32 [batch], the new tokens included; block_table int32
        [batch, blocks of a request], None: request b lives in block b.
        Returns out [batch, q_len, q_heads, v_dim] and lse, the log-sum-exp,
        float32 [batch, q_len, q_heads]."""
        facts = self.facts
        if bool(facts["sinks"]) != (sinks is not None):
            raise ValueError(f"{self.model}/{self.kind} "
                             f"{'has' if facts['sinks'] else 'has no'} sinks")
        if out is None:
            out = _empty(q, (*q.shape[:3], facts["v_dim"]), q.dtype)
        if lse is None:
            lse = _empty(q, tuple(q.shape[:3]), "float32")
        # Capacities of this call: what the cache can hold.
        blocks = block_table.shape[1] if block_table is not None else 1
        capacity = min(self.max_context, blocks * k.shape[1])
        arguments = [q, k, v, block_table, seq_lens, out, lse, None,
                     facts["scale"], facts["window"], facts["softcap"], sinks,
                     max(1, q.shape[0]), capacity, batch_invariant,
                     self.pool.handle if self.pool else None]
        size = self.pack.functions["decode_workspace_size"](*arguments)
        arguments[7] = self._reserve(size)
        self.pack.functions["decode"](*arguments)
        return out, lse

    def append(self, k_new, v_new, slot_mapping, k, v=None):
        """Writes rows of new tokens, [tokens, kv_heads, dim], into the cache;
        slot_mapping int64 [tokens]: block * page + row, -1: skip."""
        self.pack.functions["append"](k_new, v_new, slot_mapping, k, v,
                                      self.pool.handle if self.pool else None)

    def merge(self, partial_out, partial_lse, *, out, lse=None, sinks=None):
        """Merges attention states over disjoint tokens: partial_out float32
        [parts, batch, q_len, q_heads, v_dim], partial_lse [parts, ...]."""
        arguments = [partial_out, partial_lse, out, lse, sinks,
                     self.facts["kv_heads"], None,
                     self.pool.handle if self.pool else None]
        size = self.pack.functions["merge_workspace_size"](*arguments)
        arguments[6] = self._reserve(size)
        self.pack.functions["merge"](*arguments)
        return out

    def _reserve(self, size):
        """`size` bytes at a multiple of 64; kept for this thread's next call."""
        workspace, start = getattr(self._local, "workspace", (None, 0))
        if workspace is None or len(workspace) < start + size:
            if numpy is not None:
                workspace = numpy.empty(size + 64, numpy.uint8)
                start = -workspace.ctypes.data % 64
            else:
                import torch
                workspace = torch.empty(size + 64, dtype=torch.uint8, device="cpu")
                start = -workspace.data_ptr() % 64
            self._local.workspace = workspace, start
        return workspace[start:start + size]


def _empty(like, shape, dtype):
    if numpy is not None and isinstance(like, numpy.ndarray):
        return numpy.empty(shape, dtype)
    import torch
    return torch.empty(shape, device=like.device,
                       dtype=torch.float32 if dtype == "float32" else dtype)
