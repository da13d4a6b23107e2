# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs with NumPy arrays."""

import ctypes
import threading
import unittest

import numpy

import attn
from support import make_pack, reference, round_bf16


class NumpyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = make_pack("llama-3.1-8b", "deepseek-v3", "gpt-oss-20b",
                               name="three", kv_dtype="f32", max_q=2)
        cls.pack = attn.Pack(cls.folder)
        cls.random = numpy.random.default_rng(1)

    def normal(self, *shape):
        return self.random.standard_normal(shape, dtype=numpy.float32)

    def check(self, layer, q_len, sinks=None):
        facts = layer.facts
        page, table = 16, numpy.array([[3, 1, 0], [5, 2, 7]], numpy.int32)
        lens = numpy.array([40, 17], numpy.int32)
        q = self.normal(2, q_len, facts["q_heads"], facts["k_dim"])
        k = self.normal(8, page, facts["kv_heads"], facts["k_dim"])
        v = None
        if not facts["v_in_k"]:
            v = self.normal(8, page, facts["kv_heads"], facts["v_dim"])
        out, lse = layer.decode(q, k, v, lens, table, sinks=sinks)
        values = k[..., :facts["v_dim"]] if v is None else v
        expected, expected_lse = reference(
            q, k, values, lens, table, facts["scale"], sinks, facts["window"])
        self.assertLess(abs(out - expected).max(), 1e-4)
        if sinks is None:
            self.assertLess(abs(lse - expected_lse).max(), 1e-4)

    def test_layers(self):
        for model in ("llama_3_1_8b", "deepseek_v3"):
            for q_len in (1, 2):
                with self.subTest(model=model, q_len=q_len):
                    self.check(self.pack.layer(model), q_len)

    def test_sinks_and_windows(self):
        kinds = [kind["kind"] for model in self.pack.manifest["models"]
                 if model["name"] == "gpt_oss_20b" for kind in model["kinds"]]
        self.assertEqual(len(kinds), 2)
        for kind in kinds:
            with self.subTest(kind=kind):
                layer = self.pack.layer("gpt_oss_20b", kind)
                self.check(layer, 1, self.normal(layer.facts["q_heads"]))

    def test_pool(self):
        pool = attn.Pool(self.pack, 2)
        self.check(self.pack.layer("llama_3_1_8b", pool=pool), 1)

    def test_threads_share_a_layer(self):
        """Each thread's calls have a workspace of their own."""
        layer = self.pack.layer("llama_3_1_8b")
        q = self.normal(2, 1, 1, 32, 128)
        k, v = self.normal(8, 64, 8, 128), self.normal(8, 64, 8, 128)
        lens = numpy.array([512], numpy.int32)
        table = numpy.arange(8, dtype=numpy.int32)[None]
        layer.decode(q[0], k, v, lens, table)
        workspaces = [None, None]

        def work(i):
            for _ in range(50):
                layer.decode(q[i], k, v, lens, table)
            workspaces[i] = layer._reserve(64)
        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(numpy.may_share_memory(*workspaces))

    def test_head_major_strides(self):
        """The same cache as [blocks, heads, page, dim]: FlashInfer's HND."""
        layer = self.pack.layer("llama_3_1_8b")
        q = self.normal(1, 1, 32, 128)
        k, v = self.normal(2, 8, 16, 128), self.normal(2, 8, 16, 128)
        k, v = k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3)
        lens, table = numpy.array([20], numpy.int32), numpy.array([[1, 0]], numpy.int32)
        out, _ = layer.decode(q, k, v, lens, table)
        expected, _ = reference(q, k, v, lens, table, layer.facts["scale"])
        self.assertLess(abs(out - expected).max(), 1e-4)

    def test_append_and_empty_rows(self):
        layer = self.pack.layer("llama_3_1_8b")
        k, v = (numpy.full((2, 16, 8, 128), numpy.nan, numpy.float32)
                for _ in range(2))
        k_new, v_new = self.normal(3, 8, 128), self.normal(3, 8, 128)
        layer.append(k_new, v_new, numpy.array([17, -1, 16]), k, v)
        numpy.testing.assert_array_equal(k[1, 1], k_new[0])
        numpy.testing.assert_array_equal(v[1, 0], v_new[2])
        q = self.normal(2, 1, 32, 128)
        out, lse = layer.decode(q, k, v, numpy.array([2, 0], numpy.int32),
                                numpy.array([[1], [-1]], numpy.int32))
        self.assertTrue(numpy.isfinite(out[0]).all())
        self.assertTrue((out[1] == 0).all() and (lse[1] == -numpy.inf).all())

    def test_merge(self):
        """Attention over two halves, merged, is attention over the whole."""
        layer = self.pack.layer("llama_3_1_8b")
        q, k, v = (self.normal(1, 1, 32, 128), self.normal(2, 16, 8, 128),
                   self.normal(2, 16, 8, 128))
        whole, whole_lse = layer.decode(q, k, v, numpy.array([32], numpy.int32),
                                        numpy.array([[0, 1]], numpy.int32))
        parts = [layer.decode(q, k, v, numpy.array([16], numpy.int32),
                              numpy.array([[block]], numpy.int32))
                 for block in range(2)]
        out, lse = numpy.empty_like(whole), numpy.empty_like(whole_lse)
        layer.merge(numpy.stack([part[0] for part in parts]),
                    numpy.stack([part[1] for part in parts]), out=out, lse=lse)
        self.assertLess(abs(out - whole).max(), 1e-5)
        self.assertLess(abs(lse - whole_lse).max(), 1e-5)

    def test_bf16(self):
        layer = attn.Pack(make_pack("qwen3-0.6b")).layer()
        facts = layer.facts
        (q, q_bits), (k, k_bits), (v, v_bits) = (
            round_bf16(self.normal(*shape)) for shape in
            ((1, 1, 16, 128), (4, 64, 8, 128), (4, 64, 8, 128)))
        lens = numpy.array([200], numpy.int32)
        table = numpy.array([[2, 0, 3, 1]], numpy.int32)
        out, _ = layer.decode(q_bits, k_bits, v_bits, lens, table)
        self.assertEqual(out.dtype, numpy.uint16)
        out = (out.astype(numpy.uint32) << 16).view(numpy.float32)
        expected, _ = reference(q, k, v, lens, table, facts["scale"])
        # Weights and output are rounded to bf16, 2^-9 each.
        self.assertLess(abs(out - expected).max(), 2 ** -8 * abs(v).max())

    def test_refusals(self):
        layer = self.pack.layer("llama_3_1_8b")
        q, k, v = (self.normal(1, 1, 32, 128), self.normal(2, 16, 8, 128),
                   self.normal(2, 16, 8, 128))
        lens, table = numpy.array([20], numpy.int32), numpy.array([[1, 0]], numpy.int32)
        for message, arguments in (
                ("k: of another type", (q, k.astype(numpy.float16), v, lens, table)),
                ("seq_lens: int32", (q, k, v, lens.astype(numpy.int64), table)),
                ("ATTN_ERROR_UNSUPPORTED.*q_heads", (q[:, :, :16], k, v, lens, table)),
                ("q: 4 dimensions expected, 3 given", (q[0], k, v, lens, table)),
                ("ATTN_ERROR_SEQ_LEN_CAPACITY", (q, k, v, lens + 20, table)),
                ("ATTN_ERROR_BLOCK_INDEX", (q, k, v, lens, table + 9)),
                ("has no sinks", (q, k, v, lens, table, dict(sinks=lens)))):
            keywords = {}
            if isinstance(arguments[-1], dict):
                *arguments, keywords = arguments
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                layer.decode(*arguments, **keywords)
        with self.assertRaisesRegex(KeyError, "the pack has llama_3_1_8b/full"):
            self.pack.layer("llama")
        with self.assertRaisesRegex(RuntimeError, "no GPU architecture"):
            make_pack("llama-3.1-8b", target="sm_70")

    def test_vector_elements(self):
        """DLPack's elements of several lanes, which NumPy does not have."""
        class DLTensor(ctypes.Structure):
            _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2),
                        ("rank", ctypes.c_int32), ("code", ctypes.c_uint8),
                        ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                        ("shape", ctypes.POINTER(ctypes.c_int64)),
                        ("strides", ctypes.c_void_p), ("offset", ctypes.c_uint64)]

        class Any(ctypes.Structure):
            _fields_ = [("type", ctypes.c_int32), ("padding", ctypes.c_uint32),
                        ("tensor", ctypes.POINTER(DLTensor))]

        def tensor(array, code):
            shape = (ctypes.c_int64 * array.ndim)(*array.shape)
            return DLTensor(array.ctypes.data, (1, 0), array.ndim, code,
                            8 * array.itemsize, 1, shape, None, 0)
        new, cache = self.normal(1, 1, 16), self.normal(1, 4, 1, 16)
        slots = numpy.array([2])
        tensors = tensor(new, 2), tensor(slots, 0), tensor(cache, 2)
        source, slot_mapping, k = (Any(7, 0, ctypes.pointer(t)) for t in tensors)
        arguments = (Any * 6)(source, Any(), slot_mapping, k, Any(), Any())
        append = ctypes.CDLL(self.pack.path)["__tvm_ffi_append"]
        self.assertEqual(append(None, arguments, 6, ctypes.byref(Any())), 0)
        numpy.testing.assert_array_equal(cache[0, 2, 0], new[0, 0])
        tensors[0].lanes = 4
        self.assertEqual(append(None, arguments, 6, ctypes.byref(Any())), -1)

    def test_two_packs(self):
        """In one process, each with its own kernels."""
        other = attn.Pack(make_pack("qwen3-0.6b", kv_dtype="f32"))
        self.assertEqual(self.pack.functions["num_kernels"](), 40)
        self.assertEqual(other.functions["num_kernels"](), 4)
        with self.assertRaisesRegex(ValueError, "belongs to another pack"):
            other.layer(pool=attn.Pool(self.pack, 2))


if __name__ == "__main__":
    unittest.main()
