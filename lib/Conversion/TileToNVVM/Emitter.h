//===- Emitter.h - Short hands for building GPU kernels ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The NVVM dialect's header costs 12 s a file; only Emitter.cpp includes it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_EMITTER_H
#define ATTN_LIB_CONVERSION_TILETONVVM_EMITTER_H

#include "attn/Target/SharedLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

namespace attn::nvvm {

using mlir::ArrayRef;
using mlir::SmallVector;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// Lanes of a warp.
constexpr int64_t kWarp = 32;

/// Address spaces of NVPTX; 0 is generic.
enum AddressSpace : unsigned { Generic = 0, Global = 1, Shared = 3 };

/// The threads of a CTA, of which `thread` (i32) is this one.
struct CTA {
  int64_t threads;
  Value thread;
};

/// A special register.
enum class Register { ThreadX, BlockX, BlockY, BlockZ };

/// A builder that speaks 32-bit integers (64-bit where an address is meant),
/// byte offsets and one thread of a GPU. Integer operations take operands of
/// one width, either.
class Emitter {
public:
  Emitter(mlir::OpBuilder &b, mlir::Location loc) : b(b), loc(loc) {}

  Type f32() { return b.getF32Type(); }
  Type i32Type() { return b.getI32Type(); }
  Type i64Type() { return b.getI64Type(); }
  Type pointer(AddressSpace space) {
    return mlir::LLVM::LLVMPointerType::get(b.getContext(), space);
  }

  // Integers. The immediate forms take the width of the other operand.
  Value i32(int64_t value);
  Value i64(int64_t value);
  Value like(Value x, int64_t value);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y) { return y ? add(x, like(x, y)) : x; }
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value mul(Value x, int64_t y) { return y == 1 ? x : mul(x, like(x, y)); }
  Value div(Value x, Value y); ///< unsigned
  Value div(Value x, int64_t y) { return y == 1 ? x : div(x, like(x, y)); }
  Value rem(Value x, Value y); ///< unsigned
  Value rem(Value x, int64_t y) { return rem(x, like(x, y)); }
  Value ceilDiv(Value x, int64_t y) { return div(add(x, y - 1), y); }
  Value ceilDiv(Value x, Value y);
  Value bitAnd(Value x, int64_t y);
  Value bitXor(Value x, Value y);
  Value shiftRight(Value x, int64_t bits);
  Value min(Value x, Value y);
  Value max(Value x, Value y);
  Value less(Value x, Value y); ///< signed, as all comparisons
  Value less(Value x, int64_t y) { return less(x, like(x, y)); }
  Value lessEqual(Value x, Value y);
  Value equal(Value x, Value y);
  Value equal(Value x, int64_t y) { return equal(x, like(x, y)); }
  Value both(Value x, Value y);
  Value negate(Value condition);
  Value select(Value c, Value x, Value y);
  Value toI32(Value x);
  Value toI64(Value x);      ///< sign-extended
  Value zeroExtend(Value x); ///< to i64

  // Memory. Offsets are bytes.
  Value ptr(Value base, Value byteOffset);
  Value ptr(Value base, int64_t byteOffset);
  Value isNull(Value pointer);
  Value load(Value pointer, Type type, int64_t alignment);
  void store(Value value, Value pointer, int64_t alignment);

  // Numbers.
  Value f32(double value);
  Value pair(Value low, Value high);
  /// Two f32 to a vector of two `element`, rounded to nearest even.
  Value roundPair(Value low, Value high, Type element);
  /// What `rounded`, two f32 rounded, leaves over of them, rounded as well: the
  /// sum of both is nearer than either.
  Value roundRest(Value low, Value high, Value rounded);
  Value maxF(Value x, Value y);
  Value addF(Value x, Value y);
  /// An approximate function of the special function unit, subnormals flushed:
  /// "ex2", "lg2" or "rcp".
  Value approx(llvm::StringRef function, Value x);

  // Control flow.
  using LoopBody = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;
  /// for (i = lb; i < ub; i += step) carrying `inits`.
  ValueRange loop(Value lb, Value ub, Value step, ValueRange inits,
                  LoopBody body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  /// What one of the two gives: each is only run where it is chosen.
  using Branch = llvm::function_ref<SmallVector<Value>()>;
  ValueRange choose(Value condition, mlir::TypeRange types, Branch yes,
                    Branch no);

  // The machine.
  Value special(Register which);
  /// All threads of the CTA.
  void barrier();
  /// Value of the lane whose number differs by XOR with `mask`.
  Value shuffleXor(Value x, int64_t mask);
  /// Value of the lane `distance` below; a lane below 0 is the lane itself.
  Value shuffleUp(Value x, int64_t distance);
  /// Value of one lane.
  Value shuffleFrom(Value x, Value lane);
  /// Whether the condition holds in any lane of the warp.
  Value anyLane(Value condition);
  /// Copies 16 bytes from global to shared memory, asynchronously; zeros where
  /// `valid` is false, in which case `source` is not read.
  void copyAsync(Value sharedTo, Value source, Value valid);
  void commitCopies();
  /// Waits for this thread's copies but for the last `pending` commits.
  void waitCopies(int64_t pending);
  /// `count` 8x8 matrices of 16-bit elements; registers as i32.
  SmallVector<Value> loadMatrices(Value sharedRow, int64_t count,
                                  bool transposed);
  /// acc (4 f32) + A (4 registers) x B (2 registers), m16n8k16.
  SmallVector<Value> mma(ArrayRef<Value> a, ArrayRef<Value> b,
                         ArrayRef<Value> acc, Type element);
  /// Waits for the kernel launched before this one; lets the next one start.
  void waitForPredecessor();
  void launchDependents();

  mlir::OpBuilder &b;
  mlir::Location loc;

private:
  template <typename OpT>
  Value binary(Value x, Value y) {
    return OpT::create(b, loc, x, y);
  }
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  Value intrinsic(llvm::StringRef name, Type result, ValueRange operands);
};

/// A kernel `name` that takes one struct of `argumentBytes` by value, the
/// builder at its start; returns the function and the struct's address.
/// `residentCTAs` are to fit an SM at once, which bounds the registers.
std::pair<mlir::LLVM::LLVMFuncOp, Value>
createKernel(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef name,
             int64_t argumentBytes, int64_t threads, int64_t residentCTAs = 1);

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_EMITTER_H
