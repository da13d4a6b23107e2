# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PyTorch's decode attention on a CPU."""


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
