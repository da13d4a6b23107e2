# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions and loops of an x86 assembly file (AT&T), as LLVM prints it.

A loop is a backward branch within a function and what lies between its target
and itself; an innermost loop contains no other. Where two overlap, LLVM has laid
out the end of the outer one first: it reaches to the end of the inner one.
"""

import re
from dataclasses import dataclass, field

LABEL = re.compile(r"^([.\w$]+):")
JUMP = re.compile(r"^j\w+$")
STACK = re.compile(r"\(%(rsp|rbp|rbx)\b")


@dataclass
class Instruction:
    mnemonic: str
    operands: str
    line: int

    def __str__(self):
        return f"{self.mnemonic} {self.operands}".strip()


@dataclass
class Loop:
    label: str
    first: int  # indices into the function's instructions
    last: int
    instructions: list
    innermost: bool = True

    def count(self, pattern):
        """Instructions whose mnemonic, alone, matches."""
        return sum(bool(re.match(pattern, i.mnemonic)) for i in self.instructions)


@dataclass
class Function:
    name: str
    instructions: list = field(default_factory=list)
    labels: dict = field(default_factory=dict)

    def stack_registers(self):
        """Registers that hold the frame: %rsp, and copies of it."""
        registers = {"rsp"}
        for i in self.instructions[:40]:
            copy = re.match(r"%rsp, %(rbp|rbx)$", i.operands)
            if i.mnemonic == "movq" and copy:
                registers.add(copy.group(1))
        return registers

    def touches_stack(self, instruction):
        """Whether an operand is a word of the frame."""
        bases = self.stack_registers()
        # leaq takes an address and touches nothing.
        return instruction.mnemonic != "leaq" and any(
            base in bases for base in STACK.findall(instruction.operands)
        )

    def loops(self):
        """All loops, innermost ones marked, in the order of their ends."""
        spans = {}
        for index, i in enumerate(self.instructions):
            target = self.labels.get(i.operands)
            if JUMP.match(i.mnemonic) and target is not None and target <= index:
                spans[target] = (i.operands, max(index, spans.get(target, ("", 0))[1]))
        grown = True
        while grown:
            grown = False
            for first, (label, last) in spans.items():
                ends = [l for f, (_, l) in spans.items() if first < f <= last < l]
                if ends:
                    spans[first] = (label, max(ends))
                    grown = True
        loops = [
            Loop(label, first, last, self.instructions[first : last + 1])
            for first, (label, last) in spans.items()
        ]
        for loop in loops:
            loop.innermost = not any(
                other is not loop
                and loop.first <= other.first
                and other.last <= loop.last
                for other in loops
            )
        return sorted(loops, key=lambda loop: loop.last)


    def straight_runs(self):
        """What loops hold between their inner loops, as loops of one turn."""
        loops = self.loops()
        for loop in loops:
            inner = [
                l
                for l in loops
                if l is not loop and loop.first <= l.first and l.last <= loop.last
            ]
            start, end = loop.first, loop.first
            for index in range(loop.first, loop.last + 2):
                within = index > loop.last or any(
                    l.first <= index <= l.last for l in inner
                )
                if not within:
                    end = index + 1
                    continue
                if inner and end > start:
                    body = self.instructions[start:end]
                    yield Loop(loop.label, start, end - 1, body, False)
                start = end = index + 1


def parse(text):
    """The functions of an assembly file, by name."""
    functions, current = {}, None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].rstrip()
        label = LABEL.match(line)
        if label:
            name = label.group(1)
            if not name.startswith(".L"):
                current = functions.setdefault(name, Function(name))
            elif current:
                current.labels[name] = len(current.instructions)
            continue
        line = line.strip()
        if not line or line.startswith(".") or current is None:
            continue
        mnemonic, _, operands = line.partition("\t")
        current.instructions.append(Instruction(mnemonic, operands.strip(), number))
    # Data has labels too, but no instructions.
    return {name: f for name, f in functions.items() if f.instructions}
