//===- Emitter.h - Calls of the SIMT emulator ----------------- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_NVVMTOSIMT_EMITTER_H
#define ATTN_LIB_CONVERSION_NVVMTOSIMT_EMITTER_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"

#include <string>

namespace attn::simt {

inline constexpr unsigned kSharedSpace = 3;

/// Emits calls in a module and numbers the operations they are for.
class Emitter {
public:
  explicit Emitter(mlir::ModuleOp module)
      : module(module), b(module.getLoc(), module.getContext()) {}

  /// Emits before `op` from now on.
  void startAt(mlir::Operation *op) {
    b.setLoc(op->getLoc());
    b.setInsertionPoint(op);
    current = op;
  }

  /// Calls `name`; a null `resultType`: it returns nothing, and so does this.
  mlir::Value call(llvm::StringRef name, mlir::Type resultType,
                   mlir::ValueRange arguments);
  /// The number of the operation at hand, as the first argument of a call.
  mlir::Value site();
  mlir::Value i32(int64_t value);
  mlir::Value i64(int64_t value);
  /// A pointer of any address space as a plain one.
  mlir::Value plain(mlir::Value pointer);
  /// 16 x i32 of the function at hand, for operands and results in memory.
  mlir::Value scratch();
  /// Word `index` of it.
  mlir::Value scratchWord(int64_t index);
  /// Bits of a value of at most 64 bits, as an integer of `width` bits, and
  /// back.
  mlir::Value toBits(mlir::Value value, unsigned width);
  mlir::Value fromBits(mlir::Value bits, mlir::Type type);

  /// The sites so far, each ended by a zero byte.
  const std::string &siteTable() const { return sites; }
  int64_t siteCount() const { return numSites; }

  mlir::Type i32Type() { return b.getI32Type(); }
  mlir::Type i64Type() { return b.getI64Type(); }
  mlir::Type pointerType() {
    return mlir::LLVM::LLVMPointerType::get(b.getContext());
  }

  mlir::ModuleOp module;
  mlir::ImplicitLocOpBuilder b;

private:
  mlir::Operation *current = nullptr;
  mlir::Operation *numbered = nullptr;
  std::string sites;
  int64_t numSites = 0;
  llvm::StringMap<mlir::LLVM::LLVMFuncOp> functions;
  llvm::DenseMap<mlir::Operation *, mlir::Value> scratches;
};

/// Why an operation cannot be emulated; empty: it can be, or need not.
std::string whyNotEmulated(mlir::Operation *op);
/// Replaces an NVVM operation, or a call of an NVVM intrinsic, by calls.
/// Returns false for every other operation.
bool emulateNVVMOp(mlir::Operation *op, Emitter &emitter);

/// The same for atomic operations.
std::string whyAtomicNotEmulated(mlir::Operation *op);
/// Makes calls of atomic operations and fences. Returns false for others.
bool emulateAtomic(mlir::Operation *op, Emitter &emitter);
/// Emits the checks of an access, if `op` is one that needs any.
bool instrumentAccess(mlir::Operation *op, Emitter &emitter);
/// The number of bytes that globals in shared memory take, which are replaced.
int64_t replaceSharedGlobals(Emitter &emitter);

} // namespace attn::simt

#endif // ATTN_LIB_CONVERSION_NVVMTOSIMT_EMITTER_H
