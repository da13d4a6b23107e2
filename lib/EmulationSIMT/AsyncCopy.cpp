//===- AsyncCopy.cpp - cp.async -------------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "attn/EmulationSIMT/Ops.h"

#include <algorithm>
#include <cstring>

using namespace attn::simt;

static void perform(const CopyState::Copy &copy) {
  std::memcpy(copy.destination, copy.source, copy.sourceBytes);
  std::memset(static_cast<char *>(copy.destination) + copy.sourceBytes, 0,
              copy.bytes - copy.sourceBytes);
}

void Cta::performCopies(uint32_t thread, uint32_t batch) {
  std::vector<CopyState::Copy> &pending = threads[thread].copies.pending;
  size_t done = 0;
  while (done < pending.size() && pending[done].batch <= batch)
    perform(pending[done++]);
  pending.erase(pending.begin(), pending.begin() + int64_t(done));
}

void attn_simt_cp_async(int32_t site, void *shared, const void *global,
                        int32_t bytes, int32_t source_bytes) {
  Cta &cta = Cta::current();
  CopyState &copies = cta.thread().copies;
  if (source_bytes < 0 || source_bytes > bytes)
    cta.fail(FindingKind::AsyncCopy, site,
             Cta::threadName(cta.running) + " copies " +
                 std::to_string(source_bytes) + " bytes of a chunk of " +
                 std::to_string(bytes));
  if (!cta.isShared(shared))
    cta.fail(FindingKind::OutOfBounds, site,
             Cta::threadName(cta.running) +
                 " copies to an address outside of shared memory");
  if (source_bytes > 0)
    cta.checkAccess(site, global, source_bytes, bytes, /*write=*/false);
  // The write happens at some time from now to the end of the wait. So it must
  // come after what is known now, and is known to nobody before the wait.
  Access by = cta.accessOf(cta.running, site, bytes);
  by.actor = static_cast<uint16_t>(cta.copyActor(cta.running));
  by.clock = copies.batch;
  cta.checkShared(cta.running, shared, bytes, bytes, /*write=*/true, by);
  CopyState::Copy copy = {shared, global, static_cast<uint32_t>(bytes),
                          static_cast<uint32_t>(source_bytes), copies.batch};
  if (cta.launch.config.async == AsyncCopies::Eager)
    return perform(copy);
  std::memset(shared, 0xFF, bytes);
  copies.pending.push_back(copy);
}

void attn_simt_cp_async_commit(int32_t) {
  CopyState &copies = Cta::current().thread().copies;
  copies.groups.push_back(copies.batch++);
}

void attn_simt_cp_async_wait(int32_t, int32_t pending) {
  Cta &cta = Cta::current();
  CopyState &copies = cta.thread().copies;
  size_t count = copies.groups.size();
  if (count <= static_cast<size_t>(pending))
    return;
  uint32_t last = copies.groups[count - pending - 1];
  copies.groups.erase(copies.groups.begin(), copies.groups.end() - pending);
  cta.performCopies(cta.running, last);
  // An mbarrier may have told of later ones.
  uint32_t &known = cta.clock(cta.running)[cta.copyActor(cta.running)];
  known = std::max(known, last);
}
