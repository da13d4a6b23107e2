//===-- ProjectTile.h - The loops of attn_project ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Included by one file for each instruction level, which is compiled with that
// level's flags. Everything is a template over the level, so that the linker
// cannot take one level's code for another's.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_PROJECTTILE_H
#define ATTN_RUNTIME_LIB_PROJECTTILE_H

#include "Project.h"

#include <cstring>

namespace attn::runtime {

/// A bf16 element.
struct BFloat16 {
  uint16_t bits;
};

/// The registers of a level, and tiles that fill them.
struct Avx2 {
  static constexpr int lanes = 8;
  typedef float Vector __attribute__((vector_size(32)));
  typedef uint32_t Words __attribute__((vector_size(32)));
  typedef uint16_t Halves __attribute__((vector_size(16)));
  typedef _Float16 Floats16 __attribute__((vector_size(16)));
  /// Query rows of a tile, and the vectors or columns beside them.
  static constexpr int rows = 4, vectors = 2, columns = 2;
};

struct Avx512 {
  static constexpr int lanes = 16;
  typedef float Vector __attribute__((vector_size(64)));
  typedef uint32_t Words __attribute__((vector_size(64)));
  typedef uint16_t Halves __attribute__((vector_size(32)));
  typedef _Float16 Floats16 __attribute__((vector_size(32)));
  static constexpr int rows = 6, vectors = 4, columns = 4;
};

/// One share of a head, for one level and element type.
template <typename Level, typename Element>
class Projector {
public:
  explicit Projector(const ProjectShare &share)
      : share(share), in(static_cast<const Element *>(share.in)),
        weight(static_cast<const Element *>(share.weight)),
        out(static_cast<Element *>(share.out)) {}

  /// Blocks of rows outermost: the first brings the weights into the cache for
  /// the others.
  void run() {
    int64_t row = 0;
    for (; row + Level::rows <= share.rows; row += Level::rows)
      runRows<Level::rows>(row);
    runRest<Level::rows - 1>(row, share.rows - row);
  }

private:
  using Vector = typename Level::Vector;
  static constexpr int lanes = Level::lanes;
  /// Inputs converted at a time; a tile's are on the stack.
  static constexpr int64_t chunk = 512;
  /// Rows of weights that are asked for ahead of their use.
  static constexpr int64_t ahead = 12;

  static float widen(Element element) {
    if constexpr (sizeof(Element) == sizeof(float))
      return element;
    else
      return widenHalf(element);
  }
  static float widenHalf(_Float16 element) { return float(element); }
  static float widenHalf(BFloat16 element) {
    uint32_t bits = uint32_t(element.bits) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }

  static void narrow(float value, float &to) { to = value; }
  static void narrow(float value, _Float16 &to) { to = _Float16(value); }
  /// To nearest even; a NaN stays one.
  static void narrow(float value, BFloat16 &to) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
    to.bits = uint16_t((value == value ? rounded : bits | 0x400000) >> 16);
  }

  static Vector load(const float *from) {
    Vector vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
  }
  static Vector load(const _Float16 *from) {
    typename Level::Floats16 halves;
    memcpy(&halves, from, sizeof halves);
    return __builtin_convertvector(halves, Vector);
  }
  static Vector load(const BFloat16 *from) {
    typename Level::Halves halves;
    memcpy(&halves, from, sizeof halves);
    auto words = __builtin_convertvector(halves, typename Level::Words) << 16;
    Vector vector;
    memcpy(&vector, &words, sizeof vector);
    return vector;
  }

  /// By halves, so that it stays in registers.
  static float addLanes(const Vector &vector) {
    float sums[lanes];
    memcpy(sums, &vector, sizeof sums);
    for (int half = lanes / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; ++lane)
        sums[lane] += sums[lane + half];
    return sums[0];
  }

  template <int R>
  void runRest(int64_t row, int64_t rest) {
    if constexpr (R > 0) {
      if (rest == R)
        runRows<R>(row);
      else
        runRest<R - 1>(row, rest);
    }
  }

  template <int R>
  void runRows(int64_t row) {
    // With few rows, longer runs of weights instead: memory is what is slow.
    constexpr int vectors = R <= 3 ? 2 * Level::vectors : Level::vectors;
    int64_t o = 0;
    if (share.outIsContiguous) {
      for (; o + vectors * lanes <= share.outDim; o += vectors * lanes)
        addUp<R, vectors>(row, o);
      for (; o + lanes <= share.outDim; o += lanes)
        addUp<R, 1>(row, o);
      for (; o < share.outDim; ++o)
        for (int r = 0; r < R; ++r)
          multiplyScalars(row + r, o);
      return;
    }
    for (; o + Level::columns <= share.outDim; o += Level::columns)
      multiply<R, Level::columns>(row, o);
    for (; o < share.outDim; ++o)
      multiply<R, 1>(row, o);
  }

  /// Outputs lie side by side: rows of weights, each times an input, added up.
  template <int R, int V>
  void addUp(int64_t row, int64_t o) {
    Vector sums[R][V] = {};
    alignas(64) float x[R][chunk];
    for (int64_t begin = 0; begin < share.inDim; begin += chunk) {
      int64_t count = share.inDim - begin < chunk ? share.inDim - begin : chunk;
      for (int r = 0; r < R; ++r)
        for (int64_t i = 0; i < count; ++i)
          x[r][i] = widen(in[(row + r) * share.inStrideRow + begin + i]);
      for (int64_t i = 0; i < count; ++i) {
        const Element *w = weight + (begin + i) * share.weightStride + o;
        // The last row, where there is none that far: a stride that no row is
        // reached by may lead anywhere, which no pointer may.
        int64_t far = begin + i + ahead;
        far = far < share.inDim ? far : share.inDim - 1;
        auto *later = reinterpret_cast<const char *>(
            weight + far * share.weightStride + o);
        for (int line = 0; line < V * lanes * int(sizeof(Element)); line += 64)
          __builtin_prefetch(later + line);
        for (int v = 0; v < V; ++v) {
          Vector factor = load(w + v * lanes);
          for (int r = 0; r < R; ++r)
            sums[r][v] += factor * x[r][i];
        }
      }
    }
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v)
        for (int lane = 0; lane < lanes; ++lane)
          narrow(sums[r][v][lane],
                 out[(row + r) * share.outStrideRow + o + v * lanes + lane]);
  }

  /// Inputs lie side by side: products of rows, whose lanes are added last.
  template <int R, int C>
  void multiply(int64_t row, int64_t o) {
    Vector sums[R][C] = {};
    const Element *x = in + row * share.inStrideRow;
    const Element *w = weight + o * share.weightStride;
    // These rows once more, where no others follow.
    const Element *next =
        o + 2 * C <= share.outDim ? w + C * share.weightStride : w;
    int64_t i = 0;
    for (; i + lanes <= share.inDim; i += lanes) {
      Vector inputs[R];
      for (int r = 0; r < R; ++r)
        inputs[r] = load(x + r * share.inStrideRow + i);
      for (int c = 0; c < C; ++c) {
        const Element *at = w + c * share.weightStride + i;
        Vector factor = load(at);
        __builtin_prefetch(next + c * share.weightStride + i);
        for (int r = 0; r < R; ++r)
          sums[r][c] += factor * inputs[r];
      }
    }
    // Indexed at run time, which would keep `sums` out of registers.
    Vector totals[R][C];
    memcpy(totals, sums, sizeof totals);
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < C; ++c) {
        float sum = addLanes(totals[r][c]);
        for (int64_t rest = i; rest < share.inDim; ++rest)
          sum += widen(x[r * share.inStrideRow + rest]) *
                 widen(w[c * share.weightStride + rest]);
        narrow(sum, out[(row + r) * share.outStrideRow + o + c]);
      }
  }

  void multiplyScalars(int64_t row, int64_t o) {
    float sum = 0;
    for (int64_t i = 0; i < share.inDim; ++i)
      sum += widen(in[row * share.inStrideRow + i]) *
             widen(weight[i * share.weightStride + o]);
    narrow(sum, out[row * share.outStrideRow + o]);
  }

  const ProjectShare &share;
  const Element *in, *weight;
  Element *out;
};

template <typename Level>
void runShare(const ProjectShare &share) {
  switch (share.dtype) {
  case ATTN_F32:
    return Projector<Level, float>(share).run();
  case ATTN_F16:
    return Projector<Level, _Float16>(share).run();
  default:
    return Projector<Level, BFloat16>(share).run();
  }
}

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_PROJECTTILE_H
