//===- Access.cpp - Checking loads and stores -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "attn/EmulationSIMT/Ops.h"

#include <cstdio>

using namespace attn::simt;

static std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "%#llx",
                static_cast<unsigned long long>(value));
  return text;
}

void Cta::reportConflict(const Conflict &conflict, const Access &by,
                         const std::string &where, bool write) {
  auto addThread = [this](std::vector<uint32_t> &threads,
                          const Access &access) {
    if (access.cta == serial && access.actor < 2 * threadCount)
      threads.push_back(access.actor % threadCount);
  };
  std::vector<uint32_t> involved;
  addThread(involved, by);
  if (conflict.uninitialized &&
      !reportedBefore(FindingKind::Uninitialized, by.site, -1))
    report(FindingKind::Uninitialized, by.site,
           actorName(by) + " reads " + std::to_string(by.bytes) +
               " bytes, of which the one at " + where + "+" +
               hex(conflict.uninitializedOffset) + " was never written",
           involved);
  if (conflict.kind == Conflict::None)
    return;
  const Access &previous = conflict.previous;
  if (reportedBefore(FindingKind::Race, by.site, previous.site))
    return;
  bool wasWrite = conflict.kind != Conflict::WriteAfterRead;
  std::string message = actorName(by) + (write ? " writes " : " reads ") +
                        where + "+" + hex(conflict.offset) + ", which " +
                        actorName(previous) + (wasWrite ? " wrote" : " read") +
                        " at " + launch.location(previous.site) +
                        ", in no order";
  addThread(involved, previous);
  report(FindingKind::Race, by.site, std::move(message), std::move(involved),
         previous.site);
}

void Cta::checkShared(uint32_t thread, const void *address, size_t bytes,
                      uint32_t alignment, bool write, const Access &by) {
  size_t offset = sharedOffset(address);
  if (offset >= sharedBytes || bytes > sharedBytes - offset)
    fail(FindingKind::OutOfBounds, by.site,
         threadName(thread) + (write ? " writes " : " reads ") +
             std::to_string(bytes) + " bytes at shared+" + hex(offset) +
             " of " + std::to_string(sharedBytes) + " bytes of shared memory",
         {thread});
  if (offset % alignment != 0)
    fail(FindingKind::Misaligned, by.site,
         threadName(thread) + " accesses shared+" + hex(offset) +
             ", which has to be a multiple of " + std::to_string(alignment),
         {thread});
  if (!launch.config.check)
    return;
  Conflict conflict = shared.access(offset, bytes, write, by, observer(thread));
  if (conflict.any())
    reportConflict(conflict, by, "shared", write);
}

void Cta::checkAccess(int32_t site, const void *address, size_t bytes,
                      uint32_t alignment, bool write, bool atomic) {
  Access by = accessOf(running, site, bytes);
  by.atomic = atomic;
  tick();
  if (isShared(address))
    return checkShared(running, address, bytes, alignment, write, by);

  auto value = reinterpret_cast<uintptr_t>(address);
  if (value % alignment != 0)
    fail(FindingKind::Misaligned, site,
         threadName(running) + " accesses " + hex(value) +
             ", which has to be a multiple of " + std::to_string(alignment));
  if (!lastBuffer || !lastBuffer->contains(value, bytes)) {
    if (stacks.contains(running, address, bytes))
      return;
    Buffer *found = launch.memory.atOrBefore(value);
    if (!found || !found->contains(value, bytes)) {
      for (int64_t i = 0; i < launch.kernel.param_count; ++i) {
        auto base = reinterpret_cast<uintptr_t>(launch.params[i]);
        if (!write && value >= base &&
            value + bytes <= base + launch.kernel.param_bytes[i])
          return;
      }
      fail(FindingKind::OutOfBounds, site,
           threadName(running) + (write ? " writes " : " reads ") +
               std::to_string(bytes) + " bytes at " + hex(value) + ": " +
               launch.memory.describe(value));
    }
    lastBuffer = found;
  }
  if (write && !lastBuffer->writable)
    fail(FindingKind::OutOfBounds, site,
         threadName(running) + " writes to the read-only buffer '" +
             lastBuffer->name + "'");
  if (!launch.config.check || !lastBuffer->shadow)
    return;
  Conflict conflict = lastBuffer->shadow->access(
      value - lastBuffer->base, bytes, write, by, observer(running));
  if (conflict.any())
    reportConflict(conflict, by, lastBuffer->name, write);
}

void attn_simt_load(int32_t site, const void *address, int64_t bytes,
                    int32_t alignment) {
  Cta::current().checkAccess(site, address, bytes, alignment, /*write=*/false);
}

void attn_simt_store(int32_t site, void *address, int64_t bytes,
                     int32_t alignment) {
  Cta::current().checkAccess(site, address, bytes, alignment, /*write=*/true);
}

void *attn_simt_shared() { return Cta::current().arena; }
