# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the code of kernels without running it, so on any machine.

    attn-run X --isa amx --emit=asm | check_object.py --level amx

- the level's multiplication is there, and nothing of a level above;
- nothing is called, so no scalar function of libm is;
- no tile is spilled, anywhere;
- innermost loops that multiply spill and reload nothing: no operand is in the
  frame, be it a vector or a word. A test that allows some says why;
- tiles are configured outside of all loops.
"""

import argparse
import re
import sys

import asm_loops

MULTIPLY = {
    "fma": r"vfn?m(add|sub)\d+ps$",
    "dpbf16": r"vdpbf16ps$",
    "amx": r"tdpbf16ps$",
}
ANY_MULTIPLY = "|".join(MULTIPLY.values())

# What a level may not contain, in mnemonics and in operands.
ABOVE = {
    "avx2": (r"tdp|tile|ldtilecfg|vdpbf16|vcvtne2?ps2?bf16", r"%zmm|%[xy]mm(1[6-9]|[23]\d)|%k[0-7]"),
    "avx512": (r"tdp|tile|ldtilecfg|vdpbf16|vcvtne2?ps2?bf16", None),
    "avx512bf16": (r"tdp|tile|ldtilecfg", None),
    "amx": (None, None),
}


TILE_MOVES = ("tileload", "tilestore")


def is_vector(instruction):
    return re.search(r"%[xyz]mm", instruction.operands) is not None


class Checker:
    def __init__(self, options):
        self.options = options
        self.errors = []

    def fail(self, function, instruction, message):
        self.errors.append(
            f"{function.name}, line {instruction.line}: {message}: {instruction}"
        )

    def check_function(self, function):
        mnemonics, operands = ABOVE[self.options.level]
        for i in function.instructions:
            if i.mnemonic.startswith("call"):
                self.fail(function, i, "a call")
            if mnemonics and re.match(mnemonics, i.mnemonic):
                self.fail(function, i, "an instruction of a level above")
            if i.mnemonic.startswith(TILE_MOVES) and function.touches_stack(i):
                self.fail(function, i, "a tile of the frame")
            if operands and re.search(operands, i.operands):
                self.fail(function, i, "a register of a level above")
        for loop in function.loops():
            self.check_loop(function, loop)

    def check_loop(self, function, loop):
        for i in loop.instructions:
            if i.mnemonic == "ldtilecfg":
                self.fail(function, i, f"tiles are configured in loop {loop.label}")
        multiplies = loop.count(ANY_MULTIPLY)
        if not loop.innermost or not multiplies:
            return
        touching = [i for i in loop.instructions if function.touches_stack(i)]
        vectors = [i for i in touching if is_vector(i)]
        words = [i for i in touching if not is_vector(i)]
        if self.options.verbose:
            print(
                f"{function.name} {loop.label}: {len(loop.instructions)} "
                f"instructions, {multiplies} multiply, of the frame "
                f"{len(vectors)} vectors and {len(words)} words"
            )
        for kind, found, allowed in (
            ("vectors", vectors, self.options.allow_vectors),
            ("words", words, self.options.allow_words),
        ):
            if len(found) > allowed:
                self.fail(
                    function,
                    found[0],
                    f"{len(found)} {kind} of the frame in loop {loop.label}, "
                    f"{allowed} allowed",
                )

    def check_mix(self, functions):
        text = [i for f in functions for i in f.instructions]
        engine = self.options.engine
        found = [i for i in text if re.match(MULTIPLY[engine], i.mnemonic)]
        width = {"avx2": "ymm"}.get(self.options.level, "zmm")
        if engine == "fma":
            found = [i for i in found if f"%{width}" in i.operands]
        if not found:
            self.errors.append(f"no {engine} multiplication in {width} or tiles")
        for pattern in self.options.has:
            if not any(re.match(pattern, i.mnemonic) for i in text):
                self.errors.append(f"no {pattern}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", required=True, choices=ABOVE)
    parser.add_argument("--engine", choices=MULTIPLY, required=True)
    parser.add_argument("--has", action="append", default=[], metavar="MNEMONIC")
    parser.add_argument("--allow-vectors", type=int, default=0)
    parser.add_argument("--allow-words", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("file", nargs="?", default="-")
    options = parser.parse_args()
    text = (sys.stdin if options.file == "-" else open(options.file)).read()
    functions = list(asm_loops.parse(text).values())
    checker = Checker(options)
    if not any(f.loops() for f in functions):
        checker.errors.append("no loops: is this a kernel's assembly?")
    for function in functions:
        checker.check_function(function)
    checker.check_mix(functions)
    for error in checker.errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if checker.errors else 0


if __name__ == "__main__":
    sys.exit(main())
