# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs as PyTorch operators; skipped where PyTorch is not installed."""

import unittest
from unittest import mock

from support import make_pack, reference

try:
    import torch
except ImportError as error:
    raise unittest.SkipTest(f"PyTorch does not import: {error}")

from attn import pack, torch_ops


class TorchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch_ops.load(make_pack("llama-3.1-8b"), "llama")
        torch.manual_seed(1)
        cls.q, cls.k, cls.v = (
            torch.randn(shape).to(torch.bfloat16)
            for shape in ((2, 1, 32, 128), (8, 64, 8, 128), (8, 64, 8, 128)))
        cls.lens = torch.tensor([100, 37], dtype=torch.int32)
        cls.table = torch.tensor([[3, 1], [5, 2]], dtype=torch.int32)

    def arguments(self):
        return (self.q, self.k, self.v, self.lens, self.table, None, "llama",
                "llama_3_1_8b", "full")

    def check(self, out):
        doubles = [x.double().numpy() for x in (self.q, self.k, self.v)]
        expected, _ = reference(*doubles, self.lens.numpy(), self.table.numpy(),
                                128 ** -0.5)
        error = abs(out.double().numpy() - expected).max()
        self.assertLess(error, 2 ** -8 * abs(doubles[2]).max())

    def test_decode(self):
        out, lse = torch.ops.attn.decode(*self.arguments())
        self.check(out)
        self.assertEqual(lse.shape, (2, 1, 32))

    def test_without_numpy(self):
        with mock.patch.object(pack, "numpy", None):
            torch_ops.load(make_pack("llama-3.1-8b"), "again")
            out, _ = torch.ops.attn.decode(*self.arguments()[:6], "again",
                                           "llama_3_1_8b", "full")
        self.check(out)

    def test_opcheck(self):
        """Schema, fake tensors, and tracing with dynamic shapes."""
        torch.library.opcheck(torch.ops.attn.decode, self.arguments())
        new = torch.randn(2, 8, 128).to(torch.bfloat16)
        torch.library.opcheck(
            torch.ops.attn.append,
            (new, new, torch.tensor([5, 70]), self.k.clone(), self.v.clone(),
             "llama", "llama_3_1_8b", "full"))

    def test_compile(self):
        def step(q, k, v):
            out, _ = torch.ops.attn.decode(
                q * 1, k, v, self.lens, self.table, None, "llama",
                "llama_3_1_8b", "full")
            return out + 0
        compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
        self.check(compiled(self.q, self.k, self.v))

    def test_append(self):
        k, v = torch.zeros_like(self.k), torch.zeros_like(self.v)
        new = torch.randn(2, 8, 128).to(torch.bfloat16)
        torch.ops.attn.append(new, new, torch.tensor([5, 70]), k, v, "llama",
                              "llama_3_1_8b", "full")
        self.assertTrue(torch.equal(k[0, 5], new[0]))
        self.assertTrue(torch.equal(v[1, 6], new[1]))


if __name__ == "__main__":
    unittest.main()
