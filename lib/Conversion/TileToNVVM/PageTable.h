//===- PageTable.h - Where the tokens of a request lie ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_PAGETABLE_H
#define ATTN_LIB_CONVERSION_TILETONVVM_PAGETABLE_H

#include "Emitter.h"

namespace attn::nvvm {

/// Tokens (i32) of a request, as attn_gpu_args::seq_lens says.
Value emitLength(Emitter &e, Value args, Value request);

/// The blocks of requests, as attn_gpu_args::block_table says: any page size,
/// ids of 4 or 8 bytes, or no table.
class PageTable {
public:
  /// Reads what the call gives.
  PageTable(Emitter &e, Value args);
  /// Turns to a request (i32).
  void turnTo(Value request);
  /// The block (i32) of the token at `position` (i32) of the request. Without
  /// `isRead` the table is not looked at, and the block means nothing.
  Value block(Value position, Value isRead);
  /// The token of its block that is at `position`.
  Value tokenOfBlock(Value position) { return e.rem(position, page); }

private:
  Emitter &e;
  Value page, blockTable, tableStride, indexWords, indptr;
  Value request, row; ///< of the table, where the request's entries start
};

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_PAGETABLE_H
