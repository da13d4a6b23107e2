//===- Tensor.h - Values of the reference interpreter -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INTERPRETER_TENSOR_H
#define ATTN_INTERPRETER_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace attn::interp {

/// A dense row-major tensor. Elements of every type, integers too, are held as
/// doubles; a scalar is a tensor of rank 0.
struct Tensor {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> data;

  /// A tensor of zeros.
  static Tensor zeros(llvm::ArrayRef<int64_t> shape);

  /// The element at one index per axis.
  template <typename... Index>
  double &at(Index... index) {
    return data[offset(index...)];
  }
  template <typename... Index>
  double at(Index... index) const {
    return data[offset(index...)];
  }

private:
  template <typename... Index>
  std::size_t offset(Index... index) const {
    int64_t result = 0;
    std::size_t axis = 0;
    ((result = result * shape[axis++] + index), ...);
    return result;
  }
};

/// A KV cache: the pools, and the block table and length of each sequence.
///
/// Token `j` of sequence `b` lies in slot `blocks[b][j / page] * page + j %
/// page`. A contiguous cache has one block a sequence, with `page` its
/// capacity. The storage order of `layout = own` is not modelled: a value of
/// this type holds what the cache means, not how its bytes lie.
struct Cache {
  int64_t heads = 0;
  /// Widths of K and V as attention reads them.
  int64_t kDim = 0, vDim = 0;
  int64_t page = 0;
  /// V is the first `vDim` elements of K's row, and the pool `v` is empty.
  bool latent = false;
  /// Pools `[slots][heads][dim]`.
  std::vector<double> k, v;
  std::vector<std::vector<int64_t>> blocks;
  std::vector<int64_t> lens;

  /// Tokens that the pools hold.
  int64_t numSlots() const {
    return static_cast<int64_t>(k.size()) / (heads * kDim);
  }
  int64_t slot(int64_t b, int64_t j) const {
    return blocks[b][j / page] * page + j % page;
  }
  double key(int64_t b, int64_t j, int64_t g, int64_t d) const {
    return k[(slot(b, j) * heads + g) * kDim + d];
  }
  double value(int64_t b, int64_t j, int64_t g, int64_t d) const {
    return latent ? key(b, j, g, d) : v[(slot(b, j) * heads + g) * vDim + d];
  }
};

using Value = std::variant<Tensor, Cache>;

} // namespace attn::interp

#endif // ATTN_INTERPRETER_TENSOR_H
