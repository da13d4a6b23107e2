# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs for the tests, and attention written out."""

import atexit
import math
import os
import shutil
import tempfile

import numpy

import attn

MODELS = os.path.join(os.path.dirname(__file__), "..", "..", "test", "models")


def make_pack(*models, **options):
    """A pack of models of test/models, removed at the end."""
    folder = tempfile.mkdtemp(prefix="attn-python-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    attn.compile([os.path.join(MODELS, model + ".json") for model in models],
                 os.path.join(folder, "pack"), **options)
    return os.path.join(folder, "pack")


def reference(q, k, v, seq_lens, block_table, scale, sinks=None, window=0):
    """float64 attention; v may be a prefix of k's rows."""
    batch, q_len, heads, _ = q.shape
    out = numpy.zeros((batch, q_len, heads, v.shape[3]))
    lse = numpy.full((batch, q_len, heads), -math.inf)
    group = heads // k.shape[2]
    for b in range(batch):
        keys = k[block_table[b]].reshape(-1, *k.shape[2:]).astype(float)
        values = v[block_table[b]].reshape(-1, *v.shape[2:]).astype(float)
        for i in range(q_len):
            end = seq_lens[b] - q_len + i + 1
            start = max(0, end - window) if window else 0
            if end <= start:
                continue
            for h in range(heads):
                scores = keys[start:end, h // group] @ q[b, i, h].astype(float)
                scores = scores * scale
                extra = [] if sinks is None else [sinks[h]]
                total = numpy.logaddexp.reduce([*scores, *extra])
                lse[b, i, h] = numpy.logaddexp.reduce(scores)
                out[b, i, h] = (numpy.exp(scores - total)
                                @ values[start:end, h // group])
    return out, lse


def round_bf16(values):
    """float32 values that bf16 can hold, and their bits as uint16."""
    bits = values.astype(numpy.float32).view(numpy.uint32)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return (bits << 16).view(numpy.float32), bits.astype(numpy.uint16)
