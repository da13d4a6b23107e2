//===-- Check.cpp - Checks that the entry points share --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"

#include "attn_layout.h"

#include <algorithm>
#include <cinttypes>

using namespace attn::runtime;

attn_status attn::runtime::checkPointer(const char *name, const void *pointer,
                                        int64_t alignment) {
  if (!pointer)
    return fail(ATTN_ERROR_NULL_POINTER, "%s is null", name);
  if (reinterpret_cast<uintptr_t>(pointer) % uintptr_t(alignment))
    return fail(ATTN_ERROR_MISALIGNED, "%s is not aligned to %" PRId64 " bytes",
                name, alignment);
  return ATTN_OK;
}

attn_status
attn::runtime::checkStrides(const char *name, int64_t row, int64_t elementSize,
                            Access access,
                            std::initializer_list<Dimension> dimensions) {
  constexpr size_t kMaxDimensions = 3;
  Dimension sorted[kMaxDimensions];
  size_t count = 0;
  for (const Dimension &dimension : dimensions) {
    if (dimension.stride < 0)
      return fail(ATTN_ERROR_STRIDE, "%s has the negative stride %" PRId64,
                  name, dimension.stride);
    // The stride of a dimension of one is never used.
    if (dimension.extent <= 1)
      continue;
    size_t at = count++;
    for (; at > 0 && sorted[at - 1].stride > dimension.stride; --at)
      sorted[at] = sorted[at - 1];
    sorted[at] = dimension;
  }
  // `span` is what the dimensions so far cover, in elements.
  int64_t span = row, bytes;
  for (size_t i = 0; i < count; ++i) {
    if (access == Access::Write && sorted[i].stride < span)
      return fail(ATTN_ERROR_STRIDE,
                  "%s has stride %" PRId64 " over spans of %" PRId64
                  " elements: rows overlap",
                  name, sorted[i].stride, span);
    int64_t reach;
    if (__builtin_mul_overflow(sorted[i].stride, sorted[i].extent - 1,
                               &reach) ||
        __builtin_add_overflow(span, reach, &span))
      return fail(ATTN_ERROR_STRIDE, "%s spans more than 2^63 elements", name);
  }
  if (__builtin_mul_overflow(span, elementSize, &bytes))
    return fail(ATTN_ERROR_STRIDE, "%s spans more than 2^63 bytes", name);
  return ATTN_OK;
}

attn_status attn::runtime::checkMinimum(const char *name, int64_t value,
                                        int64_t minimum) {
  if (value < minimum)
    return fail(ATTN_ERROR_SHAPE, "%s is %" PRId64 ", below %" PRId64, name,
                value, minimum);
  return ATTN_OK;
}

attn_status attn::runtime::checkCount(const char *name, int64_t value,
                                      int64_t minimum) {
  ATTN_TRY(checkMinimum(name, value, minimum));
  if (value > INT32_MAX)
    return fail(ATTN_ERROR_SHAPE, "%s is %" PRId64 ", above 2^31 - 1", name,
                value);
  return ATTN_OK;
}

attn_status attn::runtime::checkDtype(int32_t dtype) {
  if (!attn_dtype_size(dtype))
    return fail(ATTN_ERROR_ENUM, "%d is no attn_dtype", dtype);
  return ATTN_OK;
}

attn_status attn::runtime::checkLayout(int32_t layout) {
  if (layout != ATTN_LAYOUT_ROW && layout != ATTN_LAYOUT_OWN)
    return fail(ATTN_ERROR_ENUM, "%d is no attn_layout", layout);
  return ATTN_OK;
}

attn_status attn::runtime::checkIsa(int32_t isa) {
  if (isa != ATTN_ISA_AUTO && (isa < ATTN_ISA_AVX2 || isa > ATTN_ISA_AMX))
    return fail(ATTN_ERROR_ENUM, "%d is no attn_isa", isa);
  return ATTN_OK;
}

attn_status attn::runtime::checkDevice(int32_t device, const void *stream) {
  if (device != ATTN_DEVICE_CPU && device != ATTN_DEVICE_CUDA)
    return fail(ATTN_ERROR_ENUM, "%d is no attn_device", device);
  if (device == ATTN_DEVICE_CPU && stream)
    return fail(ATTN_ERROR_DEVICE, "a stream is given, but device is the CPU");
  return ATTN_OK;
}

attn_status attn::runtime::checkFlags(uint32_t flags, uint32_t known) {
  if (flags & ~known)
    return fail(ATTN_ERROR_FLAGS, "flags 0x%x are unknown here",
                flags & ~known);
  return ATTN_OK;
}

attn_status attn::runtime::checkHeads(int32_t qHeads, int32_t kvHeads) {
  ATTN_TRY(checkMinimum("q_heads", qHeads, 1));
  ATTN_TRY(checkMinimum("kv_heads", kvHeads, 1));
  if (qHeads % kvHeads)
    return fail(ATTN_ERROR_SHAPE, "%d q_heads are no multiple of %d kv_heads",
                qHeads, kvHeads);
  return ATTN_OK;
}

attn_status attn::runtime::checkOwnRows(const char *name, int64_t pageSize,
                                        int64_t dim, int64_t tokenStride,
                                        bool interleaved) {
  if (tokenStride != dim)
    return fail(ATTN_ERROR_STRIDE,
                "%s has token stride %" PRId64 "; the OWN layout has %" PRId64,
                name, tokenStride, dim);
  if (interleaved && dim % ATTN_OWN_V_COLUMNS)
    return fail(ATTN_ERROR_SHAPE,
                "%s has rows of %" PRId64
                " elements, no multiple of the OWN layout's %d",
                name, dim, ATTN_OWN_V_COLUMNS);
  if (interleaved && pageSize % 2)
    return fail(ATTN_ERROR_PAGE_SIZE,
                "page_size is %" PRId64 "; the OWN layout pairs tokens",
                pageSize);
  return ATTN_OK;
}

attn_status attn::runtime::checkWorkspace(const void *workspace, uint64_t bytes,
                                          uint64_t needed) {
  ATTN_TRY(checkPointer("workspace", workspace, 64));
  if (bytes < needed)
    return fail(ATTN_ERROR_WORKSPACE_SIZE,
                "the workspace has %" PRIu64 " bytes of %" PRIu64, bytes,
                needed);
  return ATTN_OK;
}

attn_status attn::runtime::checkStruct(const char *name, const void *params,
                                       StructSizes sizes, size_t &size) {
  if (!params)
    return fail(ATTN_ERROR_NULL_POINTER, "%s is null", name);
  uint32_t given;
  memcpy(&given, params, sizeof given);
  // Nothing like this will grow that far; reading on might leave the object.
  constexpr uint32_t kImplausible = 4096;
  if ((given != sizes.first && given < sizes.known) || given > kImplausible)
    return fail(ATTN_ERROR_STRUCT_SIZE,
                "%s has struct_size %u; this runtime knows %zu and %zu", name,
                given, sizes.first, sizes.known);
  size = std::min<size_t>(given, sizes.known);
  const char *bytes = static_cast<const char *>(params);
  if (std::any_of(bytes + size, bytes + given, [](char c) { return c != 0; }))
    return fail(ATTN_ERROR_STRUCT_SIZE,
                "%s sets fields past the %zu bytes that this runtime knows",
                name, sizes.known);
  return ATTN_OK;
}
