//===- Materialized.h - Run latent attention decompressed -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_MATERIALIZED_H
#define ATTN_HARNESS_MATERIALIZED_H

#include "attn/Harness/LatentProblem.h"

namespace attn::harness {

/// The kernels of `form = materialized` composed on the calling thread: K and V
/// of every head are decompressed to memory, page by page, and attended to,
/// head by head. A head's tokens follow each other there.
class Materialized {
public:
  /// Finds `<name>_key`, `<name>_value` and `<name>` in the library, both of
  /// which must outlive this.
  static llvm::Expected<std::unique_ptr<Materialized>>
  create(LatentProblem &problem, attn_library *library, llvm::StringRef name);

  /// Decompresses copy `copy` of cache and weights, and attends.
  void run(size_t copy = 0);
  void decompress(size_t copy);
  void attend();

private:
  Materialized(LatentProblem &problem) : problem(problem) {}
  void gather(const attn_decode_params &cache, int64_t request, int64_t first,
              int64_t count);
  void project(const attn_project_desc &desc, int64_t count, const void *weight,
               bench::Buffer &target, int64_t first, int64_t rowWidth);

  LatentProblem &problem;
  const attn_project_desc *key = nullptr, *value = nullptr;
  const attn_kernel_desc *attention = nullptr;
  /// [batch][head][token][nope + rope] and [...][v].
  bench::Buffer keys, values;
  bench::Buffer rows; ///< gathered from the cache
  bench::Buffer scratch;
};

} // namespace attn::harness

#endif // ATTN_HARNESS_MATERIALIZED_H
