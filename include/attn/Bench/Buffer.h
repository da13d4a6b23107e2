//===- Buffer.h - Aligned memory on huge pages ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_BUFFER_H
#define ATTN_BENCH_BUFFER_H

#include <cstddef>
#include <cstdint>

namespace attn::bench {

/// What a cold measurement's copies add up to at least [bytes]: well beyond
/// any last-level cache that one guest gets.
constexpr size_t coldSetBytes = size_t(1600) * 1000 * 1000;

/// How many copies of a working set of `bytes` make a cold measurement; at
/// least 2.
size_t coldCopies(size_t bytes);

enum class PageKind {
  Huge, ///< asks for transparent huge pages
  Small ///< refuses them
};

/// Anonymous memory aligned to 2 MiB. Every page is present and private: all
/// of them are written once (untouched memory is one shared page of zeros,
/// which reads at cache speed and ruins a measurement).
class Buffer {
public:
  Buffer() = default;
  /// Aborts where the memory cannot be had.
  explicit Buffer(size_t bytes, PageKind kind = PageKind::Huge);
  ~Buffer();
  Buffer(Buffer &&other) noexcept;
  Buffer &operator=(Buffer &&other) noexcept;

  char *data() { return base; }
  const char *data() const { return base; }
  template <typename T>
  T *as() {
    return reinterpret_cast<T *>(base);
  }
  /// The size that was asked for [bytes].
  size_t size() const { return bytes; }

private:
  char *base = nullptr;
  size_t bytes = 0;
  void *mapping = nullptr;
  size_t mappedBytes = 0;
};

} // namespace attn::bench

#endif // ATTN_BENCH_BUFFER_H
