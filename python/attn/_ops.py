# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The namespace of the operators. What `attn.hf_kernels` writes has another _ops.py,
so that several of its kernels, and this package, can live in one process."""


def add_op_namespace_prefix(name):
    return f"attn::{name}"
