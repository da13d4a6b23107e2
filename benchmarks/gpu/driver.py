# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The CUDA driver through ctypes: memory, streams, graphs, events."""

import ctypes
import os

ATTRIBUTES = {"clock_khz": 13, "sms": 16, "l2_bytes": 38, "major": 75, "minor": 76}


class CudaError(RuntimeError):
    pass


class Buffer:
    """Device memory that goes with the object."""

    def __init__(self, gpu, size):
        self.gpu, self.size = gpu, size
        pointer = ctypes.c_uint64()
        gpu.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
        self.address = pointer.value

    def __del__(self):
        if getattr(self, "address", 0):
            self.gpu.call("cuMemFree_v2", ctypes.c_uint64(self.address))

    def write(self, data, offset=0):
        raw = (ctypes.c_char * len(data)).from_buffer_copy(data)
        self.gpu.call(
            "cuMemcpyHtoD_v2",
            ctypes.c_uint64(self.address + offset),
            raw,
            ctypes.c_size_t(len(data)),
        )

    def read(self, size=None, offset=0):
        raw = ctypes.create_string_buffer(size or self.size)
        self.gpu.call(
            "cuMemcpyDtoH_v2",
            raw,
            ctypes.c_uint64(self.address + offset),
            ctypes.c_size_t(len(raw)),
        )
        return raw.raw

    def fill(self, byte):
        self.gpu.call(
            "cuMemsetD8Async",
            ctypes.c_uint64(self.address),
            ctypes.c_ubyte(byte),
            ctypes.c_size_t(self.size),
            self.gpu.stream,
        )

    def tile(self, pattern):
        """Repeats the bytes of another buffer to the end of this one."""
        at = 0
        while at < self.size:
            size = min(pattern.size, self.size - at)
            self.gpu.copy(self.address + at, pattern.address, size)
            at += size


class GPU:
    """The first GPU, its primary context current on this thread."""

    def __init__(self):
        path = os.environ.get("ATTN_LIBCUDA") or "libcuda.so.1"
        try:
            self.lib = ctypes.CDLL(path)
        except OSError as error:
            raise CudaError(f"no CUDA driver: {error}") from None
        self.call("cuInit", 0)
        self.device = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(self.device), 0)
        context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self.device)
        self.call("cuCtxSetCurrent", context)
        self.stream = ctypes.c_void_p()
        # Flags 0: in order with the copies, which go to the default stream.
        self.call("cuStreamCreate", ctypes.byref(self.stream), 0)
        self.facts = {n: self.attribute(a) for n, a in ATTRIBUTES.items()}
        name = ctypes.create_string_buffer(100)
        self.call("cuDeviceGetName", name, 100, self.device)
        self.facts["name"] = name.value.decode()
        self.arch = self.facts["major"] * 10 + self.facts["minor"]

    def call(self, symbol, *arguments):
        result = getattr(self.lib, symbol)(*arguments)
        if result:
            text = ctypes.c_char_p()
            self.lib.cuGetErrorName(result, ctypes.byref(text))
            raise CudaError(f"{symbol}: {text.value.decode()}")

    def attribute(self, number):
        value = ctypes.c_int()
        self.call("cuDeviceGetAttribute", ctypes.byref(value), number, self.device)
        return value.value

    def copy(self, to, source, size):
        self.call(
            "cuMemcpyDtoDAsync_v2",
            ctypes.c_uint64(to),
            ctypes.c_uint64(source),
            ctypes.c_size_t(size),
            self.stream,
        )

    def synchronize(self):
        self.call("cuStreamSynchronize", self.stream)

    def load(self, image, name):
        """A function of a module, which stays loaded."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadDataEx", ctypes.byref(module), image, 0, None, None)
        self.call(
            "cuModuleGetFunction", ctypes.byref(function), module, name.encode()
        )
        return function

    def capture(self, enqueue):
        """A graph of what `enqueue` puts on the stream; call it to launch."""
        self.call("cuStreamBeginCapture_v2", self.stream, 2)  # relaxed
        graph, executable = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            enqueue()
        finally:
            self.call("cuStreamEndCapture", self.stream, ctypes.byref(graph))
        self.call(
            "cuGraphInstantiateWithFlags",
            ctypes.byref(executable),
            graph,
            ctypes.c_ulonglong(0),
        )
        self.call("cuGraphDestroy", graph)
        return lambda: self.call("cuGraphLaunch", executable, self.stream)

    def seconds(self, enqueue):
        """Time on the GPU of what `enqueue` puts on the stream."""
        events = [ctypes.c_void_p(), ctypes.c_void_p()]
        for event in events:
            self.call("cuEventCreate", ctypes.byref(event), 0)
        self.call("cuEventRecord", events[0], self.stream)
        enqueue()
        self.call("cuEventRecord", events[1], self.stream)
        self.synchronize()
        milliseconds = ctypes.c_float()
        self.call("cuEventElapsedTime", ctypes.byref(milliseconds), *events)
        for event in events:
            self.call("cuEventDestroy_v2", event)
        return milliseconds.value / 1e3
