# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's structs for ctypes, read off its headers.

Not written down a second time, so that they cannot fall behind.
"""

import ctypes
import re

SCALARS = {
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "float": ctypes.c_float,
    "char": ctypes.c_char,
}


def parse_field(declaration, known):
    """The fields of `const float *a, *b;` or `int64_t x, y;`, without the `;`."""
    function = re.match(r".*\(\s*\*\s*(\w+)\s*\)\s*\(", declaration)
    if function:
        return [(function.group(1), ctypes.c_void_p)]
    words = declaration.replace("const ", " ").replace("*", " * ").split()
    base, rest = words[0], " ".join(words[1:])
    fields = []
    for part in rest.split(","):
        part = part.strip()
        array = re.match(r"(\w+)\s*\[\s*(\d+)\s*\]", part)
        if part.startswith("*"):
            name = part.lstrip("* ")
            kind = ctypes.c_char_p if base == "char" else ctypes.c_void_p
        elif array:
            name, kind = array.group(1), known[base] * int(array.group(2))
        else:
            name, kind = part, known[base]
        fields.append((name, kind))
    return fields


def parse_structs(texts):
    """Name -> ctypes.Structure of every `typedef struct x { ... } x;`."""
    known = dict(SCALARS)
    for text in texts:
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        for name in re.findall(r"typedef [^;{}]*\(\s*\*\s*(\w+)\s*\)", text):
            known[name] = ctypes.c_void_p
        pattern = r"typedef struct (\w+) \{(.*?)\} \1;"
        for name, body in re.findall(pattern, text, flags=re.S):
            fields = []
            for declaration in body.split(";"):
                declaration = " ".join(declaration.split())
                if declaration:
                    fields += parse_field(declaration, known)
            known[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return known


def parse_constants(texts):
    """Name -> value of every `NAME = 3` or `NAME = 1u << 4` of an enum."""
    constants = {}
    for text in texts:
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        for name, value, shift in re.findall(
            r"\b(ATTN_\w+)\s*=\s*(\d+)u?(?:\s*<<\s*(\d+))?", text
        ):
            constants[name] = int(value) << int(shift or 0)
        for name, value in re.findall(r"#define (ATTN_\w+) (\d+)\b", text):
            constants[name] = int(value)
    return constants
