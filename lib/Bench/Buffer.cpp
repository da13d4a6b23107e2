//===- Buffer.cpp - Aligned memory on huge pages --------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Buffer.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <sys/mman.h>
#include <utility>

using namespace attn::bench;

static constexpr size_t hugePageBytes = size_t(2) << 20;
static constexpr size_t smallPageBytes = 4096;

size_t attn::bench::coldCopies(size_t bytes) {
  return std::max<size_t>(2, (coldSetBytes + bytes - 1) /
                                 std::max<size_t>(bytes, 1));
}

Buffer::Buffer(size_t bytes, PageKind kind) : bytes(bytes) {
  // One huge page more than needed, to align within.
  mappedBytes = (bytes + 2 * hugePageBytes - 1) / hugePageBytes * hugePageBytes;
  mapping = mmap(nullptr, mappedBytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    llvm::report_fatal_error("attn-bench: out of memory");
  size_t misaligned = reinterpret_cast<uintptr_t>(mapping) % hugePageBytes;
  base = static_cast<char *>(mapping) +
         (misaligned ? hugePageBytes - misaligned : 0);
  // A wish only: a kernel without transparent huge pages refuses it.
  (void)madvise(base, bytes,
                kind == PageKind::Huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  for (size_t offset = 0; offset < bytes; offset += smallPageBytes)
    base[offset] = 0;
}

Buffer::~Buffer() {
  if (mapping)
    munmap(mapping, mappedBytes);
}

Buffer::Buffer(Buffer &&other) noexcept { *this = std::move(other); }

Buffer &Buffer::operator=(Buffer &&other) noexcept {
  std::swap(base, other.base);
  std::swap(bytes, other.bytes);
  std::swap(mapping, other.mapping);
  std::swap(mappedBytes, other.mappedBytes);
  return *this;
}
