# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""benchmarks/gpu/check.py and cabi.py: what they accept and what they refuse.

    check_test.py ROOT
"""

import ctypes
import math
import os
import sys
import unittest

ROOT = sys.argv.pop(1)
sys.path.insert(0, os.path.join(ROOT, "benchmarks", "gpu"))

import cabi
import check


class Rounding(unittest.TestCase):
    def test_bf16_is_rounded_to_nearest_even(self):
        # One bit behind the last place: a tie, to even both ways.
        data = check.from_doubles([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -2.5], check.BF16)
        self.assertEqual(data, b"\x80\x3f\x80\x3f\x82\x3f\x20\xc0")
        self.assertEqual(
            list(check.to_doubles(data, check.BF16)), [1.0, 1.0, 1.015625, -2.5]
        )

    def test_f16(self):
        data = check.from_doubles([1.0, -0.5, 65504], check.F16)
        self.assertEqual(list(check.to_doubles(data, check.F16)), [1.0, -0.5, 65504])


class Compare(unittest.TestCase):
    # Two rows of two elements.
    exact, limits = [1.0, -2.0, 0.0, 0.0], [0.01, 0.0]
    lse = [0.5, -math.inf]

    def failure(self, out, lse=None):
        return check.compare(out, self.exact, self.limits, lse or self.lse, self.lse)[0]

    def test_right(self):
        failure, share = check.compare(
            [1.001, -2.0, 0.0, 0.0], self.exact, self.limits, self.lse, self.lse
        )
        self.assertEqual(failure, "")
        self.assertAlmostEqual(share, 0.1)

    def test_error_over_the_limit(self):
        self.assertIn("out[1]", self.failure([1.0, -2.02, 0.0, 0.0]))

    def test_empty_rows_are_exact(self):
        self.assertIn("out[3]", self.failure([1.0, -2.0, 0.0, 1e-9]))

    def test_nan(self):
        self.assertIn("out[0]", self.failure([math.nan, -2.0, 0.0, 0.0]))

    def test_cosine(self):
        loose = check.compare([1.0, 0.0], [1.0, 0.01], [1.0], [], [])[0]
        self.assertIn("cos", loose)

    def test_lse(self):
        self.assertIn("lse[0]", self.failure(self.exact, [0.6, -math.inf]))
        self.assertIn("lse[1]", self.failure(self.exact, [0.5, 0.0]))
        self.assertIn("lse[1]", self.failure(self.exact, [0.5, math.nan]))


class Structs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        texts = []
        for name in ("attn_kernel_abi", "attn_runtime", "attn_gpu_abi", "attn_gpu"):
            path = os.path.join(ROOT, "runtime", "include", name + ".h")
            with open(path) as header:
                texts.append(header.read())
        cls.structs = cabi.parse_structs(texts)
        cls.constants = cabi.parse_constants(texts)

    def test_sizes_are_those_of_c(self):
        # As the static_asserts of runtime/lib and of lib/Target have them.
        sizes = {"attn_decode_params": 384, "attn_kernel_desc": 104}
        for name, size in sizes.items():
            self.assertEqual(ctypes.sizeof(self.structs[name]), size, name)

    def test_offsets(self):
        desc = self.structs["attn_kernel_desc"]
        self.assertEqual(desc.name.offset, 8)
        self.assertEqual(desc.window.offset, 56)
        self.assertEqual(desc.combine.offset, 96)

    def test_constants(self):
        self.assertEqual(self.constants["ATTN_DEVICE_CUDA"], 1)
        self.assertEqual(self.constants["ATTN_FLAG_BATCH_INVARIANT"], 16)


if __name__ == "__main__":
    unittest.main()
