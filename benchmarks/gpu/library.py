# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime through ctypes: one kernel opened on a GPU, and calls of it."""

import ctypes
import glob
import os

import cabi


class AttnError(RuntimeError):
    pass


class Runtime:
    """libattn_runtime.so and the structs of its headers, all below `folder`."""

    def __init__(self, folder):
        texts = []
        for name in ("attn_kernel_abi", "attn_runtime", "attn_gpu_abi", "attn_gpu"):
            with open(os.path.join(folder, "include", name + ".h")) as header:
                texts.append(header.read())
        self.structs = cabi.parse_structs(texts)
        self.constants = cabi.parse_constants(texts)
        path = glob.glob(os.path.join(folder, "libattn_runtime.so*"))[0]
        self.lib = ctypes.CDLL(path)
        self.lib.attn_error_message.restype = ctypes.c_char_p

    def check(self, status):
        if status:
            raise AttnError(self.lib.attn_error_message().decode())

    def make(self, struct, **fields):
        """A struct with struct_size set, the other fields zero or as given."""
        value = self.structs[struct]()
        if hasattr(value, "struct_size"):
            value.struct_size = ctypes.sizeof(value)
        for name, field in fields.items():
            setattr(value, name, field)
        return value


class Kernel:
    """A kernel of files.json, loaded through the runtime's launcher."""

    def __init__(self, runtime, folder, facts):
        self.runtime, self.facts = runtime, facts
        with open(os.path.join(folder, facts["image"]), "rb") as image:
            self.image = image.read()
        names = {n: facts[n].encode() for n in ("plan", "decode", "combine")}
        numbers = {k: v for k, v in facts.items() if k not in names and k != "image"}
        self.desc = runtime.make(
            "attn_gpu_kernel_desc", name=names["decode"], **names, **numbers
        )
        self.image_buffer = ctypes.create_string_buffer(self.image, len(self.image))
        self.desc.image = ctypes.addressof(self.image_buffer)
        self.desc.image_bytes = len(self.image)
        self.table = runtime.make(
            "attn_gpu_kernel_table",
            abi_version=runtime.constants["ATTN_GPU_ABI_VERSION"],
            num_kernels=1,
            kernels=ctypes.addressof(self.desc),
        )
        self.launcher = runtime.make("attn_gpu_launcher")
        runtime.check(runtime.lib.attn_cuda_launcher(ctypes.byref(self.launcher)))
        self.only_decode = False
        self.intercept()
        self.library = ctypes.c_void_p()
        runtime.check(
            runtime.lib.attn_library_from_gpu_table(
                ctypes.byref(self.table),
                ctypes.byref(self.launcher),
                ctypes.byref(self.library),
            )
        )

    def intercept(self):
        """Lets `only_decode` leave the plan and the combine kernel out. The
        launches that are made are the runtime's own."""
        pointer = ctypes.c_void_p
        load_type = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, pointer)
        launch_type = ctypes.CFUNCTYPE(
            ctypes.c_int, pointer, pointer, pointer, pointer, pointer
        )
        load = load_type(self.launcher.load)
        launch = launch_type(self.launcher.launch)
        functions_type = self.runtime.structs["attn_gpu_functions"]
        self.functions = functions_type()

        def load_and_note(context, kernel, functions):
            status = load(context, kernel, functions)
            ctypes.memmove(
                ctypes.byref(self.functions),
                functions,
                ctypes.sizeof(functions_type),
            )
            return status

        def launch_some(context, function, shape, stream, args):
            if self.only_decode and function != self.functions.decode:
                return 0
            return launch(context, function, shape, stream, args)

        self.callbacks = load_type(load_and_note), launch_type(launch_some)
        self.launcher.load = ctypes.cast(self.callbacks[0], pointer).value
        self.launcher.launch = ctypes.cast(self.callbacks[1], pointer).value

    def params(self, **fields):
        """Params with the kernel's facts and `fields`."""
        facts = self.facts
        kept = "dtype layout q_heads kv_heads k_dim v_dim q_len window scale softcap"
        return self.runtime.make(
            "attn_decode_params",
            flags=facts["flags"],
            device=self.runtime.constants["ATTN_DEVICE_CUDA"],
            **{name: facts[name] for name in kept.split()},
            **fields,
        )

    def dense_strides(self, page_size):
        """Strides of dense q, cache and out, as params takes them."""
        f = self.facts
        strides = {}
        for tensor, heads, dim in (
            ("q", f["q_heads"], f["k_dim"]),
            ("out", f["q_heads"], f["v_dim"]),
        ):
            strides[tensor + "_stride_head"] = dim
            strides[tensor + "_stride_token"] = heads * dim
            strides[tensor + "_stride_batch"] = heads * dim * f["q_len"]
        for tensor, dim in (("k", f["k_dim"]), ("v", f["v_dim"])):
            strides[tensor + "_stride_head"] = dim
            strides[tensor + "_stride_token"] = f["kv_heads"] * dim
            strides[tensor + "_stride_block"] = f["kv_heads"] * dim * page_size
        strides["lse_stride_head"] = 1
        strides["lse_stride_token"] = f["q_heads"]
        strides["lse_stride_batch"] = f["q_heads"] * f["q_len"]
        return strides

    def has_value(self):
        return not self.facts["flags"] & self.runtime.constants["ATTN_FLAG_V_IN_K"]

    def workspace_bytes(self, params):
        size = ctypes.c_uint64()
        self.runtime.check(
            self.runtime.lib.attn_decode_workspace_size(
                self.library, ctypes.byref(params), ctypes.byref(size)
            )
        )
        return size.value

    def decode(self, params):
        self.runtime.check(
            self.runtime.lib.attn_decode(self.library, ctypes.byref(params))
        )
