# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A kernel pack, as Hugging Face's `kernels` loads it.

    kernel = kernels.get_kernel("organisation/llama", version=0, backend="cpu")
    out, lse = kernel.decode(q, k_cache, v_cache, seq_lens, block_table)

Tensors are PyTorch's, also within torch.compile; NumPy arrays and whatever else
speaks DLPack work as well, without PyTorch. `model` and `kind` say which layers are
meant, where the pack has several (`layers` names them).
"""

# attn.hf_kernels copies this file: here it has no pack beside it, and is not imported.

import os as _os

from .pack import Layer, Pack as _Pack, Pool as _Pool

try:
    import torch as _torch
except ImportError:
    _torch = None

__all__ = ["Layer", "append", "decode", "layer", "layers", "set_num_threads"]

_pack = _Pack(_os.path.dirname(_os.path.abspath(__file__)))
_pool = None

# Pairs of a model and a kind of layer.
layers = _pack.layers

if _torch is not None:
    from . import torch_ops as _torch_ops
    _torch_ops.load(_pack)


def set_num_threads(threads):
    """How many threads later calls run on; 1 at first."""
    global _pool
    _pool = _Pool(_pack, threads) if threads > 1 else None
    if _torch is not None:
        _torch_ops.load(_pack, threads=threads)


def layer(model=None, kind=None):
    """The layers of one kind of a model, with all that they can do."""
    return _pack.layer(model, kind, _pool)


def decode(q, k, v, seq_lens, block_table, *, sinks=None, model=None, kind=None):
    """Attention of q over the cache: its output and log-sum-exp. Layer.decode tells
    the shapes."""
    if not _is_torch(q):
        return layer(model, kind).decode(q, k, v, seq_lens, block_table, sinks=sinks)
    return _torch_ops.decode(q, k, v, seq_lens, block_table, sinks, _pack.name,
                             *_pack.find(model, kind))


def append(k_new, v_new, slot_mapping, k, v=None, *, model=None, kind=None):
    """Writes rows of new tokens into the cache, as Layer.append tells."""
    if _is_torch(k):
        _torch_ops.append(k_new, v_new, slot_mapping, k, v, _pack.name,
                          *_pack.find(model, kind))
    else:
        layer(model, kind).append(k_new, v_new, slot_mapping, k, v)


def _is_torch(tensor):
    return _torch is not None and isinstance(tensor, _torch.Tensor)
