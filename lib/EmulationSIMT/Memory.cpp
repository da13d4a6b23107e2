//===- Memory.cpp - The buffers that kernels may touch --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include <algorithm>

using namespace attn::simt;

BufferShadow::BufferShadow(size_t bytes, bool initialized)
    : pages((bytes + kPage - 1) / kPage), initialized(initialized) {}

Conflict BufferShadow::access(size_t offset, size_t bytes, bool write,
                              const Access &by, const Observer &observer) {
  Conflict result;
  for (size_t end = offset + bytes; offset < end;) {
    Page &page = pages[offset / kPage];
    size_t first = offset % kPage;
    size_t count = std::min(kPage - first, end - offset);
    std::lock_guard<std::mutex> lock(page.mutex);
    if (!page.shadow)
      page.shadow = std::make_unique<Shadow>(kPage, initialized);
    Conflict found = page.shadow->access(first, count, write, by, observer);
    if (found.any() && !result.any()) {
      result = found;
      result.offset += offset - first;
      result.uninitializedOffset += offset - first;
    }
    offset += count;
  }
  return result;
}

Buffer *Memory::Impl::atOrBefore(uintptr_t address) {
  auto next = buffers.upper_bound(address);
  return next == buffers.begin() ? nullptr : &std::prev(next)->second;
}

std::string Memory::Impl::describe(uintptr_t address) {
  auto describeBuffer = [](const Buffer &buffer) {
    return "buffer '" + buffer.name + "' of " + std::to_string(buffer.bytes) +
           " bytes";
  };
  std::string text;
  if (Buffer *before = atOrBefore(address)) {
    size_t distance = address - before->base;
    // At its end or before, where the access alone is too long.
    text = distance < before->bytes
               ? "at byte " + std::to_string(distance) + " of "
               : std::to_string(distance - before->bytes) +
                     " bytes after the end of ";
    text += describeBuffer(*before);
  }
  auto next = buffers.upper_bound(address);
  if (next != buffers.end()) {
    if (!text.empty())
      text += ", ";
    text += std::to_string(next->first - address) + " bytes before " +
            describeBuffer(next->second);
  }
  return text.empty() ? "no buffer is registered" : text;
}

Memory::Memory() : pimpl(std::make_unique<Impl>()) {}
Memory::~Memory() = default;

void Memory::add(const void *base, size_t bytes, std::string name,
                 Access access, bool initialized) {
  auto address = reinterpret_cast<uintptr_t>(base);
  bool needsShadow = access == ReadWrite || !initialized;
  pimpl->buffers[address] = {
      address, bytes, std::move(name), access == ReadWrite,
      needsShadow ? std::make_unique<BufferShadow>(bytes, initialized)
                  : nullptr};
}

void Memory::remove(const void *base) {
  pimpl->buffers.erase(reinterpret_cast<uintptr_t>(base));
}
