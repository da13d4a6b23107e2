//===- Shadow.h - Who touched which byte ---------------------- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A shadow remembers for each byte of a piece of memory whether it was ever
// written, the last write, and the reads since that write that no later read of
// the same thread or of one that came after covers. An access that is in no
// order with one of these is a race; order is what vector clocks say. This is
// FastTrack (Flanagan and Freund, PLDI 2009), with two changes: a line of 16
// bytes has one record as long as it is accessed as a whole, and asynchronous
// copies have clocks of their own, which a thread learns by waiting.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EMULATIONSIMT_SHADOW_H
#define ATTN_LIB_EMULATIONSIMT_SHADOW_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace attn::simt {

/// One access: by whom, at which time of its own clock, and where in the code.
struct Access {
  uint32_t clock = 0; ///< 0: no access
  uint16_t actor = 0; ///< component of the CTA's clocks
  bool atomic = false;
  uint8_t bytes = 0;
  uint32_t cta = 0; ///< serial number over all launches
  int32_t site = 0;
};

/// What a thread knows of other CTAs, by atomics: for each the clock of the
/// thread that released.
using ForeignClocks =
    std::map<uint32_t, std::shared_ptr<std::vector<uint32_t>>>;

/// A point in time from which accesses of others are judged.
struct Observer {
  const uint32_t *clock; ///< one component per actor of the CTA
  uint32_t cta;
  uint32_t firstCta; ///< of this launch; earlier launches are over
  const ForeignClocks *foreign;

  /// Whether `access` came before.
  bool sees(const Access &access) const {
    if (access.clock == 0 || access.cta < firstCta)
      return true;
    if (access.cta == cta)
      return clock[access.actor] >= access.clock;
    return seesForeign(access);
  }

private:
  bool seesForeign(const Access &access) const;
};

/// What an access ran into.
struct Conflict {
  enum Kind { None, WriteAfterRead, WriteAfterWrite, ReadAfterWrite };
  Kind kind = None;
  Access previous;
  size_t offset = 0; ///< the byte
  bool uninitialized = false;
  size_t uninitializedOffset = 0;

  bool any() const { return kind != None || uninitialized; }
};

class Shadow {
public:
  /// Of `bytes` bytes that have been written, or have not.
  explicit Shadow(size_t bytes = 0, bool initialized = false) {
    reset(bytes, initialized);
  }
  void reset(size_t bytes, bool initialized);

  /// Records an access of [offset, offset + bytes) and returns what is wrong
  /// with it; of several things of a kind, the first.
  Conflict access(size_t offset, size_t bytes, bool write, const Access &by,
                  const Observer &observer);

private:
  static constexpr size_t kLine = 16;

  struct Cell {
    Access write;
    Access read;
    int32_t more = -1; ///< further reads, in `reads`
  };
  struct Line {
    Cell cell;
    int32_t split = -1; ///< in `splits`: one cell a byte instead
    uint16_t written = 0;
  };

  void accessCell(Cell &cell, size_t offset, bool write, const Access &by,
                  const Observer &observer, Conflict &conflict);
  void addRead(Cell &cell, const Access &by, const Observer &observer);
  /// The index of an empty list in `reads`.
  int32_t newReads();
  void dropReads(Cell &cell);
  void split(Line &line);
  void unite(Line &line);

  std::vector<Line> lines;
  std::vector<std::vector<Access>> reads;
  std::vector<int32_t> freeReads;
  std::vector<std::array<Cell, kLine>> splits;
  std::vector<int32_t> freeSplits;
};

} // namespace attn::simt

#endif // ATTN_LIB_EMULATIONSIMT_SHADOW_H
