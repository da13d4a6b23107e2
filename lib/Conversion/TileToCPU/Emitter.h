//===- Emitter.h - Short hands for building CPU kernels ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_EMITTER_H
#define ATTN_LIB_CONVERSION_TILETOCPU_EMITTER_H

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

namespace attn::cpu {

using mlir::ArrayRef;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
using mlir::VectorType;

/// A builder that speaks pointers, byte offsets and vectors. All integers are
/// i64, all offsets bytes, all loops scf.for with signless i64 bounds.
class Emitter {
public:
  Emitter(mlir::OpBuilder &b, mlir::Location loc, bool bf16Convert)
      : b(b), loc(loc), bf16Convert(bf16Convert) {}

  Type f32() { return b.getF32Type(); }
  Type bf16() { return b.getBF16Type(); }
  Type i32() { return b.getI32Type(); }
  VectorType vec(int64_t lanes, Type element = {}) {
    return VectorType::get({lanes}, element ? element : f32());
  }
  static int64_t bytes(Type element) {
    return element.getIntOrFloatBitWidth() / 8;
  }

  // Integers.
  Value i64(int64_t value);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y) { return y ? add(x, i64(y)) : x; }
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value mul(Value x, int64_t y) { return y == 1 ? x : mul(x, i64(y)); }
  Value divU(Value x, Value y);
  Value min(Value x, Value y);
  Value max(Value x, Value y);
  Value lessThan(Value x, Value y);
  Value lessEqual(Value x, Value y);
  Value equal(Value x, Value y);
  Value andI(Value x, Value y);
  Value select(Value c, Value x, Value y);
  Value toI32(Value x);

  // Pointers.
  Value ptr(Value base, Value byteOffset);
  Value ptr(Value base, int64_t byteOffset);
  Value isNull(Value pointer);
  Value loadField(Value structure, int64_t offset, Type type);
  Value load(Value pointer, Type type, int64_t alignment = 1);
  void store(Value value, Value pointer, int64_t alignment = 1);
  /// Fetches a line to L1, or to L2 only.
  void prefetch(Value pointer, bool toL2 = false);

  // Vectors.
  Value zeros(VectorType type);
  Value splat(double value, VectorType type);
  Value splat(int64_t value, VectorType type);
  Value broadcast(Value scalar, VectorType type);
  Value fma(Value x, Value y, Value z);
  Value mulF(Value x, Value y);
  Value addF(Value x, Value y);
  Value maxF(Value x, Value y);
  Value shuffle(Value x, Value y, ArrayRef<int64_t> mask);
  Value bitcast(Value x, Type type);
  /// `lanes` elements of `element` at `pointer`, as f32.
  Value loadAsF32(Value pointer, int64_t lanes, Type element);
  /// `2 * lanes` bf16 at `pointer` as two f32 vectors, of the even and of the
  /// odd elements: one instruction each, where keeping the order takes two.
  std::pair<Value, Value> loadSplitBF16(Value pointer, int64_t lanes);
  /// f32 vector to `element`, rounded to nearest even.
  Value roundTo(Value x, Type element);
  /// f32 vector to bf16, and what that leaves of it to bf16.
  std::pair<Value, Value> roundBF16Parts(Value x);
  /// One f32 from memory to all lanes.
  Value broadcastLoad(Value pointer, VectorType type);
  /// Sums over the lanes of as many vectors as a vector has lanes, in one
  /// vector: lane i holds the sum of `xs[i]`.
  Value sumLanes(ArrayRef<Value> xs);
  /// `rounds` perfect unshuffles of a list of vectors taken as one sequence of
  /// 32-bit words: each brings the even words before the odd ones, that is,
  /// rotates the bits of a word's index by one. As many rounds as the row index
  /// has bits turn rows of words into columns.
  llvm::SmallVector<Value> unshuffle(llvm::SmallVector<Value> vectors,
                                     int64_t rounds);
  /// Repeats the first `count` lanes of a vector of `count` lanes to `lanes`.
  Value replicate(Value x, int64_t lanes);

  // Control flow.
  /// for (i = lb; i < ub; i += step) carrying `inits`; returns the results.
  /// `body` returns the next carried values.
  using LoopBody =
      llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)>;
  ValueRange loop(Value lb, Value ub, int64_t step, ValueRange inits,
                  LoopBody body);
  ValueRange loop(int64_t ub, int64_t step, ValueRange inits, LoopBody body);
  /// The same without carried values.
  void loop(Value lb, Value ub, int64_t step,
            llvm::function_ref<void(Value)> body);
  void loop(int64_t ub, int64_t step, llvm::function_ref<void(Value)> body);
  void ifThen(Value condition, llvm::function_ref<void()> body);

  // AMX. Pointers and byte strides.
  mlir::amx::TileType tile(int64_t rows, int64_t cols, Type element);
  Value tileZero(mlir::amx::TileType type);
  Value tileLoad(mlir::amx::TileType type, Value pointer, Value strideBytes);
  void tileStore(Value tile, Value pointer, Value strideBytes);
  Value tileMul(Value a, Value b, Value acc);

  mlir::OpBuilder &b;
  mlir::Location loc;
  /// The target rounds f32 to bf16 in one instruction; else it is written out.
  bool bf16Convert;

private:
  Value memref(Value pointer, Type element);
  Value index(Value x);
};

} // namespace attn::cpu

#endif // ATTN_LIB_CONVERSION_TILETOCPU_EMITTER_H
