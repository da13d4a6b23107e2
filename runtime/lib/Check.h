//===-- Check.h - Checks that the entry points share ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_CHECK_H
#define ATTN_RUNTIME_LIB_CHECK_H

#include "Error.h"

#include <cstring>
#include <initializer_list>

namespace attn::runtime {

/// One dimension of a tensor, innermost one excepted.
struct Dimension {
  int64_t extent;
  int64_t stride;
};

enum class Access { Read, Write };

/// Non-null, and aligned to `alignment` bytes.
attn_status checkPointer(const char *name, const void *pointer,
                         int64_t alignment);

/// No negative stride, no offset in bytes past int64, and, where the tensor is
/// written, no two rows of `row` contiguous elements that overlap.
attn_status checkStrides(const char *name, int64_t row, int64_t elementSize,
                         Access access,
                         std::initializer_list<Dimension> dimensions);

/// `value` is at least `minimum`.
attn_status checkMinimum(const char *name, int64_t value, int64_t minimum);

/// `value` is in [minimum, 2^31 - 1], so that products of a few such numbers
/// can be formed safely.
attn_status checkCount(const char *name, int64_t value, int64_t minimum);

attn_status checkDtype(int32_t dtype);
attn_status checkLayout(int32_t layout);
attn_status checkIsa(int32_t isa);
/// A known device, and a stream only where there are streams.
attn_status checkDevice(int32_t device, const void *stream);
attn_status checkFlags(uint32_t flags, uint32_t known);
attn_status checkHeads(int32_t qHeads, int32_t kvHeads);

/// What OWN asks of page size, row width and token stride; `interleaved` for
/// bf16 V.
attn_status checkOwnRows(const char *name, int64_t pageSize, int64_t dim,
                         int64_t tokenStride, bool interleaved);

/// `workspace` has `needed` bytes at a 64-byte boundary.
attn_status checkWorkspace(const void *workspace, uint64_t bytes,
                           uint64_t needed);

/// Sizes of a versioned struct: of the first version, and the one known here.
struct StructSizes {
  size_t first, known;
};

/// Non-null, of the size of a version and, past what this runtime knows, zero:
/// an unknown field that is set asks for something that would be ignored. Sets
/// `size` to the bytes to read.
attn_status checkStruct(const char *name, const void *params, StructSizes sizes,
                        size_t &size);

/// Copies a versioned struct that a caller built against any version of the
/// header; the fields that an older one lacks are zero.
template <typename Params>
attn_status readStruct(const char *name, const Params *params, Params &copy,
                       size_t firstSize = sizeof(Params)) {
  size_t size;
  ATTN_TRY(checkStruct(name, params, {firstSize, sizeof(Params)}, size));
  memset(&copy, 0, sizeof copy);
  memcpy(&copy, params, size);
  return ATTN_OK;
}

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_CHECK_H
