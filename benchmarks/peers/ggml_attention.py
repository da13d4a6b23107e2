# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ggml's flash attention through ctypes, from llama-cpp-python's library.

The package has no call for attention alone, but the ggml that it carries does:
one graph of one ggml_flash_attn_ext node for every copy of the cache.
"""

import ctypes
import importlib.util
import math
import pathlib
import random

from ctypes import c_bool, c_float, c_int, c_int64, c_size_t, c_void_p

TYPES = {"f32": 0, "f16": 1, "bf16": 30}  # enum ggml_type


class InitParams(ctypes.Structure):
    _fields_ = [("mem_size", c_size_t), ("mem_buffer", c_void_p),
                ("no_alloc", c_bool)]


SIGNATURES = {  # name: result, arguments
    "ggml_init": (c_void_p, [InitParams]),
    "ggml_free": (None, [c_void_p]),
    "ggml_new_tensor_4d": (c_void_p, [c_void_p, c_int] + [c_int64] * 4),
    "ggml_view_4d": (c_void_p, [c_void_p, c_void_p] + [c_int64] * 4 +
                     [c_size_t] * 4),
    "ggml_get_data": (c_void_p, [c_void_p]),
    "ggml_nbytes": (c_size_t, [c_void_p]),
    "ggml_flash_attn_ext": (c_void_p, [c_void_p] * 5 + [c_float] * 3),
    "ggml_new_graph": (c_void_p, [c_void_p]),
    "ggml_build_forward_expand": (None, [c_void_p, c_void_p]),
    "ggml_backend_cpu_init": (c_void_p, []),
    "ggml_backend_cpu_set_n_threads": (None, [c_void_p, c_int]),
    "ggml_backend_graph_compute": (c_int, [c_void_p, c_void_p]),
}


def libraries():
    """The package's ggml, loaded without importing the package itself."""
    package = importlib.util.find_spec("llama_cpp")
    folder = pathlib.Path(package.origin).parent / "lib"
    return [ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            for name in ("ggml-base", "ggml-cpu", "ggml")
            for path in folder.glob(f"lib{name}.so")]


class LlamaCpp:
    name, package = "llama-cpp", "llama_cpp"

    def __init__(self):
        loaded = libraries()
        for name, (result, arguments) in SIGNATURES.items():
            function = next((getattr(lib, name) for lib in loaded
                             if hasattr(lib, name)), None)
            if function is None:
                raise RuntimeError(f"its library has no {name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.backend = self.ggml_backend_cpu_init()
        self.context = None

    def fill(self, tensor, dtype):
        """Finite values of about a third: arbitrary bits would hold NaNs."""
        size = self.ggml_nbytes(tensor)
        bits = {"f16": (0x3400, 10, 2), "bf16": (0x3E80, 7, 2),
                "f32": (0x3E800000, 23, 4)}[dtype]
        exponent, mantissa, width = bits
        block = b"".join(
            (exponent | random.getrandbits(mantissa)).to_bytes(width, "little")
            for _ in range(4096))
        data = self.ggml_get_data(tensor)
        for offset in range(0, size, len(block)):
            ctypes.memmove(data + offset, block,
                           min(len(block), size - offset))

    def prepare(self, case, copies, threads):
        if self.context:
            self.ggml_free(self.context)
        # The cache, and for every copy a graph of at most 2048 nodes.
        size = copies * (case.cached_bytes + (1 << 20)) + (64 << 20)
        self.context = self.ggml_init(InitParams(size, None, False))
        if not self.context:
            raise RuntimeError("ggml_init found no memory")
        self.ggml_backend_cpu_set_n_threads(self.backend, threads)

        def new(dtype, width, tokens, heads):
            tensor = self.ggml_new_tensor_4d(self.context, TYPES[dtype], width,
                                             tokens, heads, case.batch)
            self.fill(tensor, dtype)
            return tensor

        query = new("f32", case.k_dim, 1, case.q_heads)
        graphs = []
        for _ in range(copies):
            key = new(case.dtype, case.k_dim, case.context, case.kv_heads)
            if case.latent:
                row = self.ggml_nbytes(key) // (case.batch * case.context)
                value = self.ggml_view_4d(
                    self.context, key, case.v_dim, case.context, 1, case.batch,
                    row, row * case.context, row * case.context, 0)
            else:
                value = new(case.dtype, case.v_dim, case.context,
                            case.kv_heads)
            attend = self.ggml_flash_attn_ext(
                self.context, query, key, value, None,
                1 / math.sqrt(case.k_dim), 0, 0)
            graph = self.ggml_new_graph(self.context)
            self.ggml_build_forward_expand(graph, attend)
            graphs.append(graph)

        def call(rotation):
            status = self.ggml_backend_graph_compute(
                self.backend, graphs[rotation % copies])
            if status:
                raise RuntimeError(f"ggml returned status {status}")

        return call
