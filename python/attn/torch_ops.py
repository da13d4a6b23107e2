# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs as operators of PyTorch, which torch.compile traces.

    from attn import torch_ops
    torch_ops.load("pack", "llama")
    out, lse = torch.ops.attn.decode(q, k, v, seq_lens, block_table, None, "llama",
                                     "llama", "full")
    torch.ops.attn.append(k_new, v_new, slots, k, v, "llama", "llama", "full")

The last three arguments name a loaded pack, a model and a kind of layer.
"""

from typing import Optional, Tuple

import torch
from torch import Tensor

from ._ops import add_op_namespace_prefix
from .pack import Pack, Pool

_packs = {}
_layers = {}


def load(pack, name=None, threads=1):
    """Makes a pack, or the one in a folder, known to the operators, by its own
    name or another."""
    if not isinstance(pack, Pack):
        pack = Pack(pack)
    name = name or pack.name
    _packs[name] = (pack, Pool(pack, threads) if threads > 1 else None)
    for key in [key for key in _layers if key[0] == name]:
        del _layers[key]
    return pack


def _layer(pack, model, kind):
    key = (pack, model, kind)
    if key not in _layers:
        if pack not in _packs:
            raise KeyError(f"no pack '{pack}' is loaded: attn.torch_ops.load")
        opened, pool = _packs[pack]
        _layers[key] = opened.layer(model, kind, pool)
    return _layers[key]


@torch.library.custom_op(add_op_namespace_prefix("decode"), mutates_args=())
def decode(q: Tensor, k: Tensor, v: Optional[Tensor], seq_lens: Tensor,
           block_table: Tensor, sinks: Optional[Tensor], pack: str, model: str,
           kind: str) -> Tuple[Tensor, Tensor]:
    return _layer(pack, model, kind).decode(q, k, v, seq_lens, block_table,
                                            sinks=sinks)


@decode.register_fake
def _(q, k, v, seq_lens, block_table, sinks, pack, model, kind):
    v_dim = _layer(pack, model, kind).facts["v_dim"]
    return (q.new_empty((*q.shape[:3], v_dim)),
            q.new_empty(q.shape[:3], dtype=torch.float32))


@torch.library.custom_op(add_op_namespace_prefix("append"), mutates_args={"k", "v"})
def append(k_new: Tensor, v_new: Optional[Tensor], slot_mapping: Tensor,
           k: Tensor, v: Optional[Tensor], pack: str, model: str,
           kind: str) -> None:
    _layer(pack, model, kind).append(k_new, v_new, slot_mapping, k, v)


@append.register_fake
def _(k_new, v_new, slot_mapping, k, v, pack, model, kind):
    return None
