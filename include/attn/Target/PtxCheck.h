//===- PtxCheck.h - What PTX shows of a kernel's speed ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A static check: it needs neither a GPU nor ptxas, and it proves no speed. It
// finds what rules speed out.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_PTXCHECK_H
#define ATTN_TARGET_PTXCHECK_H

#include "attn/Target/NVVMArch.h"
#include "llvm/ADT/SmallVector.h"

namespace attn {

/// Instructions of one entry function, as often as they are written (not as
/// often as they run).
struct PtxFunctionFacts {
  std::string name;
  int globalLoads = 0;     ///< ld.global of any width
  int wideGlobalLoads = 0; ///< of them, those of 128 bits and more
  int asyncCopies = 0;     ///< cp.async of any width
  int wideAsyncCopies = 0; ///< of them, those of 16 bytes
  int localAccesses = 0;   ///< ld.local and st.local
  int localBytes = 0;      ///< of the largest .local variable
  int mma = 0;             ///< mma.sync
  int ldmatrix = 0;
  /// The largest n of a `cp.async.wait_group n`: groups that stay in flight
  /// when the kernel has waited; -1 without one.
  int pendingGroups = -1;
};

/// The entry functions of PTX text, in order.
llvm::SmallVector<PtxFunctionFacts> readPtx(llvm::StringRef ptx);

/// What a decode kernel keeps on its way to an SM while it waits for a tile:
/// the pending copies and the tile waited for, of all resident CTAs.
int64_t bytesInFlight(const PtxFunctionFacts &facts, int64_t tileBytes,
                      int64_t ctasPerSM);

} // namespace attn

#endif // ATTN_TARGET_PTXCHECK_H
