//===- TileStream.h - Tiles of the cache on their way in --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_TILESTREAM_H
#define ATTN_LIB_CONVERSION_TILETONVVM_TILESTREAM_H

#include "PageTable.h"
#include "SharedMemory.h"

namespace attn::nvvm {

/// Brings the tiles of a piece of work into the ring of stages, `stages - 1`
/// of them ahead of the one that is computed on.
///
/// A tile passes through three steps, each an iteration before the next, so
/// that no latency is waited for: thread t *fetches* the block id of the tile's
/// token t from the block table into a register; it *publishes* the token's
/// address in shared memory; all threads *issue* the copies. Tokens that no
/// query sees are marked with a negative address and filled with zeros: weights
/// there are 0, and 0 times what an unused slot holds may be NaN.
class TileStream {
public:
  /// Reads what the call gives; before any work.
  TileStream(Kernel &k, const DecodeSharedMemory &layout, Value shared);

  /// Starts on a piece: tiles `firstTile` to `firstTile + count` (i32) of
  /// `k.request`, whose tokens from `firstToken` to `k.keyEnd` are read.
  /// Returns what `next` carries.
  Value start(Value firstTile, Value count, Value firstToken);
  /// Waits for tile `i` of the piece, whose stage is returned as an address of
  /// shared memory, and sends for a later one. Starts with a barrier. In a
  /// kernel that decompresses, the copies are committed and waited for with
  /// those of the matrices (Decompress.h).
  Value next(Value i, Value &carried);

private:
  Value position(Value tile); ///< of this thread's token of a tile
  Value isRead(Value position);
  Value fetch(Value tile);
  void publish(Value tile, Value block);
  void issue(Value tile);
  Value addresses(Value tile, bool value);
  Value stageOf(Value tile); ///< where the tile lies in shared memory

  Kernel &k;
  Emitter &e;
  const DecodeSharedMemory &layout;
  Value shared;
  PageTable pages;
  struct Part {
    Value base, block, token;
  };
  Part key, value;
  Value firstTile, count, firstToken;
};

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_TILESTREAM_H
