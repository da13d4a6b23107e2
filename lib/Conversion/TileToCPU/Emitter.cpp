//===- Emitter.cpp - Short hands for building CPU kernels -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

using namespace mlir;
using namespace attn::cpu;

//===----------------------------------------------------------------------===//
// Integers and pointers
//===----------------------------------------------------------------------===//

Value Emitter::i64(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
}
Value Emitter::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value Emitter::sub(Value x, Value y) {
  return arith::SubIOp::create(b, loc, x, y);
}
Value Emitter::mul(Value x, Value y) {
  return arith::MulIOp::create(b, loc, x, y);
}
Value Emitter::divU(Value x, Value y) {
  return arith::DivUIOp::create(b, loc, x, y);
}
Value Emitter::min(Value x, Value y) {
  return arith::MinSIOp::create(b, loc, x, y);
}
Value Emitter::max(Value x, Value y) {
  return arith::MaxSIOp::create(b, loc, x, y);
}
Value Emitter::lessThan(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
}
Value Emitter::lessEqual(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, x, y);
}
Value Emitter::equal(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
}
Value Emitter::andI(Value x, Value y) {
  return arith::AndIOp::create(b, loc, x, y);
}
Value Emitter::select(Value c, Value x, Value y) {
  return arith::SelectOp::create(b, loc, c, x, y);
}
Value Emitter::toI32(Value x) {
  return arith::TruncIOp::create(b, loc, i32(), x);
}

Value Emitter::ptr(Value base, Value byteOffset) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{byteOffset});
}
Value Emitter::ptr(Value base, int64_t byteOffset) {
  if (byteOffset == 0)
    return base;
  return ptr(base, i64(byteOffset));
}
Value Emitter::isNull(Value pointer) {
  Value null = LLVM::ZeroOp::create(b, loc, pointer.getType());
  return LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, pointer, null);
}
Value Emitter::loadField(Value structure, int64_t offset, Type type) {
  return LLVM::LoadOp::create(b, loc, type, ptr(structure, offset));
}
Value Emitter::load(Value pointer, Type type, int64_t alignment) {
  return LLVM::LoadOp::create(b, loc, type, pointer, alignment);
}
void Emitter::store(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(b, loc, value, pointer, alignment);
}
void Emitter::prefetch(Value pointer, bool toL2) {
  // Never non-temporal, which costs half the bandwidth.
  LLVM::Prefetch::create(b, loc, pointer, /*rw=*/b.getI32IntegerAttr(0),
                         /*hint=*/b.getI32IntegerAttr(toL2 ? 2 : 3),
                         /*cache=*/b.getI32IntegerAttr(1));
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value Emitter::zeros(VectorType type) {
  return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
}
Value Emitter::splat(double value, VectorType type) {
  return arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(type,
                             b.getFloatAttr(type.getElementType(), value)));
}
Value Emitter::splat(int64_t value, VectorType type) {
  return arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(type,
                             b.getIntegerAttr(type.getElementType(), value)));
}
Value Emitter::broadcast(Value scalar, VectorType type) {
  return vector::BroadcastOp::create(b, loc, type, scalar);
}
Value Emitter::fma(Value x, Value y, Value z) {
  return vector::FMAOp::create(b, loc, x, y, z);
}
Value Emitter::mulF(Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}
Value Emitter::addF(Value x, Value y) {
  return arith::AddFOp::create(b, loc, x, y);
}
Value Emitter::maxF(Value x, Value y) {
  // x > y ? x : y is one vmaxps; IEEE maximum would be three instructions.
  Value c = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, y);
  return select(c, x, y);
}
Value Emitter::shuffle(Value x, Value y, ArrayRef<int64_t> mask) {
  return vector::ShuffleOp::create(b, loc, x, y, mask);
}
Value Emitter::bitcast(Value x, Type type) {
  if (isa<VectorType>(type))
    return vector::BitCastOp::create(b, loc, type, x);
  return arith::BitcastOp::create(b, loc, type, x);
}
Value Emitter::loadAsF32(Value pointer, int64_t lanes, Type element) {
  Value raw = load(pointer, vec(lanes, element));
  if (element.isF32())
    return raw;
  if (element.isF16())
    return arith::ExtFOp::create(b, loc, vec(lanes), raw);
  // bf16 is the upper half of f32.
  Value bits = bitcast(raw, vec(lanes, b.getIntegerType(16)));
  Value wide = arith::ExtUIOp::create(b, loc, vec(lanes, i32()), bits);
  Value high = arith::ShLIOp::create(b, loc, wide,
                                     splat(int64_t(16), vec(lanes, i32())));
  return bitcast(high, vec(lanes));
}

std::pair<Value, Value> Emitter::loadSplitBF16(Value pointer, int64_t lanes) {
  VectorType ints = vec(lanes, i32());
  Value pairs = load(pointer, ints);
  Value even = arith::ShLIOp::create(b, loc, pairs, splat(int64_t(16), ints));
  Value odd = andI(pairs, splat(int64_t(-65536), ints));
  return {bitcast(even, vec(lanes)), bitcast(odd, vec(lanes))};
}

std::pair<Value, Value> Emitter::roundBF16Parts(Value x) {
  Value high = roundTo(x, bf16());
  Value back = arith::ExtFOp::create(b, loc, x.getType(), high);
  Value rest = arith::SubFOp::create(b, loc, x, back);
  return {high, roundTo(rest, bf16())};
}

Value Emitter::roundTo(Value x, Type element) {
  auto type = cast<VectorType>(x.getType());
  int64_t lanes = type.getNumElements();
  if (element.isF32())
    return x;
  if (element.isF16() || bf16Convert)
    return arith::TruncFOp::create(b, loc, vec(lanes, element), x);
  // Nearest even on the bit pattern: add 0x7fff plus the bit that decides ties.
  // NaNs keep their sign and get a quiet payload instead, lest they round to
  // infinity.
  VectorType ints = vec(lanes, i32());
  Value bits = bitcast(x, ints);
  Value sixteen = splat(int64_t(16), ints);
  Value odd = arith::AndIOp::create(
      b, loc, arith::ShRUIOp::create(b, loc, bits, sixteen),
      splat(int64_t(1), ints));
  Value rounded = arith::AddIOp::create(
      b, loc, arith::AddIOp::create(b, loc, bits, splat(int64_t(0x7fff), ints)),
      odd);
  Value quiet =
      arith::OrIOp::create(b, loc, bits, splat(int64_t(0x00400000), ints));
  Value nan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
  Value high =
      arith::ShRUIOp::create(b, loc, select(nan, quiet, rounded), sixteen);
  VectorType shorts = vec(lanes, b.getIntegerType(16));
  return bitcast(arith::TruncIOp::create(b, loc, shorts, high),
                 vec(lanes, element));
}

Value Emitter::broadcastLoad(Value pointer, VectorType type) {
  return broadcast(load(pointer, type.getElementType()), type);
}

Value Emitter::sumLanes(ArrayRef<Value> xs) {
  SmallVector<Value> level(xs.begin(), xs.end());
  int64_t lanes = cast<VectorType>(xs[0].getType()).getNumElements();
  // Each step halves the number of vectors: of two vectors, the halves of each
  // block of 2*width lanes are brought side by side and added. Pairing vector i
  // with vector i + n/2 leaves sum i in lane i at the end.
  for (int64_t width = lanes / 2; width >= 1; width /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t block = 0; block < lanes; block += 2 * width)
      for (int64_t source : {0, 1})
        for (int64_t lane = 0; lane < width; ++lane) {
          low.push_back(source * lanes + block + lane);
          high.push_back(source * lanes + block + width + lane);
        }
    SmallVector<Value> next;
    for (size_t i = 0, half = level.size() / 2; i < half; ++i) {
      Value x = level[i], y = level[i + half];
      next.push_back(addF(shuffle(x, y, low), shuffle(x, y, high)));
    }
    level = std::move(next);
  }
  return level[0];
}

SmallVector<Value> Emitter::unshuffle(SmallVector<Value> vectors,
                                      int64_t rounds) {
  SmallVector<int64_t> even, odd;
  for (int64_t lane = 0; lane < 16; ++lane) {
    even.push_back(2 * lane);
    odd.push_back(2 * lane + 1);
  }
  for (; rounds > 0 && vectors.size() > 1; --rounds) {
    SmallVector<Value> next;
    for (const auto &mask : {even, odd})
      for (size_t i = 0; i < vectors.size(); i += 2)
        next.push_back(shuffle(vectors[i], vectors[i + 1], mask));
    vectors = std::move(next);
  }
  return vectors;
}

Value Emitter::replicate(Value x, int64_t lanes) {
  int64_t count = cast<VectorType>(x.getType()).getNumElements();
  if (count == lanes)
    return x;
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.push_back(lane % count);
  return shuffle(x, x, mask);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

ValueRange Emitter::loop(Value lb, Value ub, int64_t step, ValueRange inits,
                         LoopBody body) {
  auto loop = scf::ForOp::create(
      b, loc, lb, ub, i64(step), inits,
      [&](OpBuilder &inner, Location, Value i, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.restoreInsertionPoint(inner.saveInsertionPoint());
        SmallVector<Value> next = body(i, carried);
        scf::YieldOp::create(b, loc, next);
      });
  return loop.getResults();
}
ValueRange Emitter::loop(int64_t ub, int64_t step, ValueRange inits,
                         LoopBody body) {
  return loop(i64(0), i64(ub), step, inits, body);
}
void Emitter::loop(Value lb, Value ub, int64_t step,
                   llvm::function_ref<void(Value)> body) {
  loop(lb, ub, step, {}, [&](Value i, ValueRange) -> SmallVector<Value> {
    body(i);
    return {};
  });
}
void Emitter::loop(int64_t ub, int64_t step,
                   llvm::function_ref<void(Value)> body) {
  loop(i64(0), i64(ub), step, body);
}
void Emitter::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

//===----------------------------------------------------------------------===//
// AMX
//===----------------------------------------------------------------------===//

amx::TileType Emitter::tile(int64_t rows, int64_t cols, Type element) {
  return amx::TileType::get({rows, cols}, element);
}

/// The amx dialect addresses memrefs: a descriptor over the bare pointer.
Value Emitter::memref(Value pointer, Type element) {
  auto type = MemRefType::get({ShapedType::kDynamic}, element);
  auto ptrType = LLVM::LLVMPointerType::get(b.getContext());
  Type array = LLVM::LLVMArrayType::get(b.getI64Type(), 1);
  auto descriptor = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {ptrType, ptrType, b.getI64Type(), array, array});
  Value value = LLVM::PoisonOp::create(b, loc, descriptor);
  auto insert = [&](Value field, ArrayRef<int64_t> position) {
    value = LLVM::InsertValueOp::create(b, loc, value, field, position);
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(i64(0), {2});
  insert(i64(1), {3, 0});
  insert(i64(1), {4, 0});
  return UnrealizedConversionCastOp::create(b, loc, TypeRange{type},
                                            ValueRange{value})
      .getResult(0);
}
Value Emitter::index(Value x) {
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), x);
}
Value Emitter::tileZero(amx::TileType type) {
  return amx::TileZeroOp::create(b, loc, type);
}
Value Emitter::tileLoad(amx::TileType type, Value pointer, Value strideBytes) {
  Type element = type.getElementType();
  Value stride = arith::ShRUIOp::create(b, loc, strideBytes,
                                        i64(llvm::Log2_64(bytes(element))));
  return amx::TileLoadOp::create(b, loc, type, memref(pointer, element),
                                 ValueRange{index(i64(0))}, index(stride));
}
void Emitter::tileStore(Value tile, Value pointer, Value strideBytes) {
  Type element = cast<amx::TileType>(tile.getType()).getElementType();
  Value stride = arith::ShRUIOp::create(b, loc, strideBytes,
                                        i64(llvm::Log2_64(bytes(element))));
  amx::TileStoreOp::create(b, loc, memref(pointer, element),
                           ValueRange{index(i64(0))}, tile, index(stride));
}
Value Emitter::tileMul(Value a, Value bTile, Value acc) {
  return amx::TileMulFOp::create(b, loc, acc.getType(), a, bTile, acc);
}
