//===- Memory.h - The buffers that kernels may touch ---------- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EMULATIONSIMT_MEMORY_H
#define ATTN_LIB_EMULATIONSIMT_MEMORY_H

#include "Shadow.h"
#include "attn/EmulationSIMT/Launch.h"

#include <mutex>

namespace attn::simt {

/// Shadows of a buffer's pages, made when first touched.
class BufferShadow {
public:
  static constexpr size_t kPage = 4096;

  BufferShadow(size_t bytes, bool initialized);
  /// As Shadow::access, for any number of CTAs at a time.
  Conflict access(size_t offset, size_t bytes, bool write, const Access &by,
                  const Observer &observer);

private:
  struct Page {
    std::mutex mutex;
    std::unique_ptr<Shadow> shadow;
  };
  std::vector<Page> pages;
  bool initialized;
};

struct Buffer {
  uintptr_t base;
  size_t bytes;
  std::string name;
  bool writable;
  std::unique_ptr<BufferShadow> shadow; ///< null: nothing can go wrong

  bool contains(uintptr_t address, size_t count) const {
    return address >= base && count <= bytes && address - base <= bytes - count;
  }
};

struct Memory::Impl {
  /// By their bases.
  std::map<uintptr_t, Buffer> buffers;
  /// CTAs of all launches so far.
  uint32_t ctaCount = 1;

  /// The last buffer that begins at or before `address`, or null.
  Buffer *atOrBefore(uintptr_t address);
  /// "32 bytes after buffer 'k' of 4096 bytes", for an address in no buffer.
  std::string describe(uintptr_t address);
};

} // namespace attn::simt

#endif // ATTN_LIB_EMULATIONSIMT_MEMORY_H
