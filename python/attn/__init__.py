# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention kernel packs from Python.

    import attn
    attn.compile(["llama/config.json"], "pack", name="llama")
    layer = attn.Pack("pack").layer("llama")
    out, lse = layer.decode(q, k_cache, v_cache, seq_lens, block_table)

Tensors are NumPy arrays or anything else that speaks DLPack, such as PyTorch's.
NumPy has no bfloat16: a uint16 array stands for one. `attn.torch_ops` has the
same as operators that torch.compile understands; `python -m attn` is attnc's command
line, `python -m attn.hf_kernels` makes a kernel for Hugging Face's loader of a pack.
"""

from .pack import Layer, Pack, Pool
from .compiler import compile, find_compiler

__all__ = ["Layer", "Pack", "Pool", "compile", "find_compiler"]
