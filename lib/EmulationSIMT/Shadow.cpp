//===- Shadow.cpp - Who touched which byte --------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Shadow.h"

#include <algorithm>

using namespace attn::simt;

bool Observer::seesForeign(const Access &access) const {
  if (!foreign)
    return false;
  auto known = foreign->find(access.cta);
  return known != foreign->end() &&
         (*known->second)[access.actor] >= access.clock;
}

void Shadow::reset(size_t bytes, bool initialized) {
  Line fresh;
  fresh.written = initialized ? 0xFFFF : 0;
  lines.assign((bytes + kLine - 1) / kLine, fresh);
  reads.clear();
  freeReads.clear();
  splits.clear();
  freeSplits.clear();
}

/// Whether two accesses are one to the shadow.
static bool same(const Access &a, const Access &b) {
  return a.clock == b.clock && a.actor == b.actor && a.cta == b.cta &&
         a.atomic == b.atomic;
}

int32_t Shadow::newReads() {
  if (freeReads.empty()) {
    reads.emplace_back();
    return static_cast<int32_t>(reads.size()) - 1;
  }
  int32_t index = freeReads.back();
  freeReads.pop_back();
  return index;
}

void Shadow::dropReads(Cell &cell) {
  cell.read = {};
  if (cell.more < 0)
    return;
  reads[cell.more].clear();
  freeReads.push_back(cell.more);
  cell.more = -1;
}

void Shadow::addRead(Cell &cell, const Access &by, const Observer &observer) {
  // A read that the new one comes after need not be kept: what is ordered after
  // the new one is ordered after both. Atomic ones conflict with less.
  auto replaces = [&](const Access &old) {
    return old.clock == 0 || (old.atomic == by.atomic && observer.sees(old));
  };
  if (replaces(cell.read)) {
    cell.read = by;
    return;
  }
  if (cell.more < 0)
    cell.more = newReads();
  std::vector<Access> &more = reads[cell.more];
  for (Access &old : more) {
    if (replaces(old)) {
      old = by;
      return;
    }
  }
  more.push_back(by);
}

void Shadow::accessCell(Cell &cell, size_t offset, bool write, const Access &by,
                        const Observer &observer, Conflict &conflict) {
  auto note = [&](Conflict::Kind kind, const Access &previous) {
    if (conflict.kind == Conflict::None) {
      conflict.kind = kind;
      conflict.previous = previous;
      conflict.offset = offset;
    }
  };
  auto ordered = [&](const Access &previous) {
    return observer.sees(previous) || (previous.atomic && by.atomic);
  };
  if (!ordered(cell.write))
    note(write ? Conflict::WriteAfterWrite : Conflict::ReadAfterWrite,
         cell.write);
  if (!write) {
    if (!same(cell.read, by))
      addRead(cell, by, observer);
    return;
  }
  if (!ordered(cell.read))
    note(Conflict::WriteAfterRead, cell.read);
  if (cell.more >= 0)
    for (const Access &read : reads[cell.more])
      if (!ordered(read))
        note(Conflict::WriteAfterRead, read);
  dropReads(cell);
  cell.write = by;
}

void Shadow::split(Line &line) {
  if (freeSplits.empty()) {
    line.split = static_cast<int32_t>(splits.size());
    splits.emplace_back();
  } else {
    line.split = freeSplits.back();
    freeSplits.pop_back();
  }
  for (Cell &cell : splits[line.split]) {
    cell = line.cell;
    if (line.cell.more < 0)
      continue;
    cell.more = newReads();
    reads[cell.more] = reads[line.cell.more];
  }
  dropReads(line.cell);
}

void Shadow::unite(Line &line) {
  for (Cell &cell : splits[line.split])
    dropReads(cell);
  freeSplits.push_back(line.split);
  line.split = -1;
}

Conflict Shadow::access(size_t offset, size_t bytes, bool write,
                        const Access &by, const Observer &observer) {
  Conflict conflict;
  for (size_t end = offset + bytes; offset < end;) {
    Line &line = lines[offset / kLine];
    size_t first = offset % kLine;
    size_t count = std::min(kLine - first, end - offset);
    auto mask = static_cast<uint16_t>(((1u << count) - 1) << first);
    if (!write && (line.written & mask) != mask && !conflict.uninitialized) {
      conflict.uninitialized = true;
      size_t byte = first;
      while (line.written >> byte & 1)
        ++byte;
      conflict.uninitializedOffset = offset - first + byte;
    }
    if (count == kLine && line.split < 0) {
      accessCell(line.cell, offset, write, by, observer, conflict);
    } else {
      if (line.split < 0)
        split(line);
      for (size_t i = 0; i < count; ++i)
        accessCell(splits[line.split][first + i], offset + i, write, by,
                   observer, conflict);
      if (write && count == kLine) {
        unite(line);
        line.cell.write = by;
      }
    }
    if (write)
      line.written |= mask;
    offset += count;
  }
  return conflict;
}
