# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Results of a call against the oracle's, which came along as data.

The tolerances are those of lib/Harness/Check.cpp: a row's limit was computed
where the oracle was; 1 - cos and the log-sum-exp are held to the same numbers.
"""

import array
import math
import struct

MAX_COSINE = 5e-6
BF16, F16 = 0, 1


def to_doubles(data, dtype):
    """16-bit elements as floats."""
    if dtype == F16:
        return struct.unpack(f"<{len(data) // 2}e", data)
    wide = bytearray(2 * len(data))
    wide[2::4], wide[3::4] = data[0::2], data[1::2]
    return array.array("f", bytes(wide))


def from_doubles(values, dtype):
    """Rounded to 16 bits, to nearest even."""
    if dtype == F16:
        return struct.pack(f"<{len(values)}e", *values)
    out = bytearray()
    for value in values:
        (bits,) = struct.unpack("<I", struct.pack("<f", value))
        out += struct.pack("<H", (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)
    return bytes(out)


def compare(out, exact, limits, lse, exact_lse):
    """The first thing that is wrong, or nothing, and the largest share of its
    limit that an element's error takes."""
    failure, share = "", 0.0
    width = len(exact) // max(len(limits), 1)
    dot = norm = exact_norm = 0.0
    for i, want in enumerate(exact):
        got, limit = out[i], limits[i // width]
        error = abs(got - want)
        if not error <= limit and not failure:
            failure = f"out[{i}] is {got}, should be {want} within {limit:.2e}"
        if error > 0 and limit > 0:
            share = max(share, error / limit)
        dot += got * want
        norm += got * got
        exact_norm += want * want
    if norm > 0 and exact_norm > 0:
        cosine = 1 - dot / math.sqrt(norm * exact_norm)
        if not cosine <= MAX_COSINE and not failure:
            failure = f"1 - cos is {cosine:.2e}"
    for i, want in enumerate(exact_lse):
        got = lse[i]
        right = got == want if math.isinf(want) else (
            abs(got - want) <= 2e-5 + 1e-6 * abs(want)
        )
        if not right and not failure:
            failure = f"lse[{i}] is {got}, should be {want}"
    return failure, share
