#!/usr/bin/env python3
# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints the exp2 polynomials of lib/Conversion/TileToCPU/VectorMath.cpp.

For each degree: the polynomial p that makes the largest relative error
|p(f) / 2^f - 1| on [-1/2, 1/2] as small as it can be, found by Remez's exchange
in 50-digit decimals, from the constant upwards; then that error.
"""

from decimal import Decimal, getcontext
from math import cos, pi

getcontext().prec = 50
HALF, LN2 = Decimal("0.5"), Decimal(2).ln()


def exp2(x):
    return (x * LN2).exp()


def value(coefficients, x):
    result = Decimal(0)
    for c in reversed(coefficients):
        result = result * x + c
    return result


def error(coefficients, x):
    return value(coefficients, x) / exp2(x) - 1


def solve(rows):
    """Gauss elimination with pivoting; each row ends with its right side."""
    n = len(rows)
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(n):
            if r != i:
                factor = rows[r][i] / rows[i][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def interpolate(points):
    """p with error +-e, alternating, at the points: p(x) - s e 2^x = 2^x."""
    degree = len(points) - 2
    rows = [[x ** i for i in range(degree + 1)] +
            [-(-1) ** k * exp2(x), exp2(x)] for k, x in enumerate(points)]
    return solve(rows)[:-1]


def extrema(coefficients, count, samples=2000):
    """The largest error of each run of one sign, refined by parabolas."""
    grid = [Decimal(i) / samples - HALF for i in range(samples + 1)]
    errors = [error(coefficients, x) for x in grid]
    best = []
    for i, e in enumerate(errors):
        if best and (errors[best[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[best[-1]]):
                best[-1] = i
        else:
            best.append(i)
    assert len(best) == count, "no alternation"
    points = []
    for i in best:
        x = grid[i]
        if 0 < i < samples:
            left, here, right = errors[i - 1:i + 2]
            x += (left - right) / (left - 2 * here + right) / (2 * samples)
        points.append(x)
    return points


def minimax(degree):
    count = degree + 2
    points = [-HALF * Decimal(cos(pi * k / (count - 1))) for k in range(count)]
    for _ in range(8):
        coefficients = interpolate(points)
        points = extrema(coefficients, count)
    return coefficients, max(abs(error(coefficients, x)) for x in points)


if __name__ == "__main__":
    for degree in range(3, 8):
        coefficients, largest = minimax(degree)
        print(f"degree {degree}, relative error {largest:.2e}:")
        print("  " + ", ".join(f"{c:.10e}" for c in coefficients))
