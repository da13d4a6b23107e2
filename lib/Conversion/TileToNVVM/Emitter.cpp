//===- Emitter.cpp - Short hands for building GPU kernels -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace attn::nvvm;

/// All lanes of a warp.
static constexpr int64_t kAllLanes = 0xffffffff;

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value Emitter::i32(int64_t value) {
  return arith::ConstantOp::create(
      b, loc, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}
Value Emitter::i64(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
}
Value Emitter::like(Value x, int64_t value) {
  return x.getType().isInteger(64) ? i64(value) : i32(value);
}
Value Emitter::add(Value x, Value y) { return binary<arith::AddIOp>(x, y); }
Value Emitter::sub(Value x, Value y) { return binary<arith::SubIOp>(x, y); }
Value Emitter::mul(Value x, Value y) { return binary<arith::MulIOp>(x, y); }
Value Emitter::div(Value x, Value y) { return binary<arith::DivUIOp>(x, y); }
Value Emitter::rem(Value x, Value y) { return binary<arith::RemUIOp>(x, y); }
Value Emitter::ceilDiv(Value x, Value y) {
  return div(add(x, sub(y, like(y, 1))), y);
}
Value Emitter::bitAnd(Value x, int64_t y) {
  return binary<arith::AndIOp>(x, like(x, y));
}
Value Emitter::bitXor(Value x, Value y) { return binary<arith::XOrIOp>(x, y); }
Value Emitter::shiftRight(Value x, int64_t bits) {
  return bits ? binary<arith::ShRUIOp>(x, like(x, bits)) : x;
}
Value Emitter::min(Value x, Value y) { return binary<arith::MinSIOp>(x, y); }
Value Emitter::max(Value x, Value y) { return binary<arith::MaxSIOp>(x, y); }
Value Emitter::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b, loc, predicate, x, y);
}
Value Emitter::less(Value x, Value y) {
  return compare(arith::CmpIPredicate::slt, x, y);
}
Value Emitter::lessEqual(Value x, Value y) {
  return compare(arith::CmpIPredicate::sle, x, y);
}
Value Emitter::equal(Value x, Value y) {
  return compare(arith::CmpIPredicate::eq, x, y);
}
Value Emitter::both(Value x, Value y) { return binary<arith::AndIOp>(x, y); }
Value Emitter::negate(Value condition) {
  Value one = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  return binary<arith::XOrIOp>(condition, one);
}
Value Emitter::select(Value c, Value x, Value y) {
  return arith::SelectOp::create(b, loc, c, x, y);
}
Value Emitter::toI32(Value x) {
  return arith::TruncIOp::create(b, loc, i32Type(), x);
}
Value Emitter::toI64(Value x) {
  return arith::ExtSIOp::create(b, loc, i64Type(), x);
}
Value Emitter::zeroExtend(Value x) {
  return arith::ExtUIOp::create(b, loc, i64Type(), x);
}

//===----------------------------------------------------------------------===//
// Memory and numbers
//===----------------------------------------------------------------------===//

Value Emitter::ptr(Value base, Value byteOffset) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{byteOffset});
}
Value Emitter::ptr(Value base, int64_t byteOffset) {
  return byteOffset ? ptr(base, i32(byteOffset)) : base;
}
Value Emitter::isNull(Value pointer) {
  Value null = LLVM::ZeroOp::create(b, loc, pointer.getType());
  return LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, pointer, null);
}
Value Emitter::load(Value pointer, Type type, int64_t alignment) {
  return LLVM::LoadOp::create(b, loc, type, pointer, alignment);
}
void Emitter::store(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(b, loc, value, pointer, alignment);
}

Value Emitter::f32(double value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}
Value Emitter::pair(Value low, Value high) {
  Value vector =
      LLVM::PoisonOp::create(b, loc, VectorType::get({2}, low.getType()));
  vector = LLVM::InsertElementOp::create(b, loc, vector, low, i32(0));
  return LLVM::InsertElementOp::create(b, loc, vector, high, i32(1));
}
Value Emitter::roundPair(Value low, Value high, Type element) {
  return arith::TruncFOp::create(b, loc, VectorType::get({2}, element),
                                 pair(low, high));
}
Value Emitter::roundRest(Value low, Value high, Value rounded) {
  auto type = cast<VectorType>(rounded.getType());
  Value back = arith::ExtFOp::create(b, loc, type.clone(f32()), rounded);
  Value rest = arith::SubFOp::create(b, loc, pair(low, high), back);
  return arith::TruncFOp::create(b, loc, type, rest);
}
Value Emitter::maxF(Value x, Value y) { return binary<arith::MaxNumFOp>(x, y); }
Value Emitter::addF(Value x, Value y) { return binary<arith::AddFOp>(x, y); }
Value Emitter::intrinsic(StringRef name, Type result, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}
Value Emitter::approx(StringRef function, Value x) {
  return intrinsic(("llvm.nvvm." + function + ".approx.ftz.f").str(), f32(), x);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

ValueRange Emitter::loop(Value lb, Value ub, Value step, ValueRange inits,
                         LoopBody body) {
  auto loop = scf::ForOp::create(b, loc, lb, ub, step, inits);
  OpBuilder::InsertionGuard guard(b);
  Block *block = loop.getBody();
  // Without carried values the loop comes with its terminator.
  if (inits.empty())
    b.setInsertionPoint(block->getTerminator());
  else
    b.setInsertionPointToStart(block);
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!inits.empty())
    scf::YieldOp::create(b, loc, next);
  return loop.getResults();
}

void Emitter::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

ValueRange Emitter::choose(Value condition, TypeRange types, Branch yes,
                           Branch no) {
  auto op =
      scf::IfOp::create(b, loc, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Block *block, Branch branch) {
    b.setInsertionPointToStart(block);
    SmallVector<Value> values = branch();
    // Without results the blocks come with their terminators.
    if (!types.empty())
      scf::YieldOp::create(b, loc, values);
  };
  fill(op.thenBlock(), yes);
  fill(op.elseBlock(), no);
  return op.getResults();
}

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

Value Emitter::special(Register which) {
  switch (which) {
  case Register::ThreadX:
    return NVVM::ThreadIdXOp::create(b, loc, i32Type());
  case Register::BlockX:
    return NVVM::BlockIdXOp::create(b, loc, i32Type());
  case Register::BlockY:
    return NVVM::BlockIdYOp::create(b, loc, i32Type());
  case Register::BlockZ:
    return NVVM::BlockIdZOp::create(b, loc, i32Type());
  }
  llvm_unreachable("all registers covered");
}
void Emitter::barrier() { NVVM::Barrier0Op::create(b, loc); }

static Value shuffle(Emitter &e, Value x, Value lane, NVVM::ShflKind kind,
                     int64_t clamp) {
  return NVVM::ShflOp::create(e.b, e.loc, x.getType(), e.i32(kAllLanes), x,
                              lane, e.i32(clamp), kind, UnitAttr());
}
Value Emitter::shuffleXor(Value x, int64_t mask) {
  return shuffle(*this, x, i32(mask), NVVM::ShflKind::bfly, 31);
}
Value Emitter::shuffleUp(Value x, int64_t distance) {
  return shuffle(*this, x, i32(distance), NVVM::ShflKind::up, 0);
}
Value Emitter::shuffleFrom(Value x, Value lane) {
  return shuffle(*this, x, lane, NVVM::ShflKind::idx, 31);
}
Value Emitter::anyLane(Value condition) {
  return NVVM::VoteSyncOp::create(b, loc, b.getI1Type(), i32(kAllLanes),
                                  condition, NVVM::VoteSyncKind::any);
}

void Emitter::copyAsync(Value sharedTo, Value source, Value valid) {
  Value bytes = select(valid, i32(16), i32(0));
  NVVM::CpAsyncOp::create(b, loc, sharedTo, source, 16,
                          NVVM::LoadCacheModifierKind::CG, bytes);
}
void Emitter::commitCopies() { NVVM::CpAsyncCommitGroupOp::create(b, loc); }
void Emitter::waitCopies(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, loc, pending);
}

SmallVector<Value> Emitter::loadMatrices(Value sharedRow, int64_t count,
                                         bool transposed) {
  Type result = i32Type();
  if (count > 1)
    result = LLVM::LLVMStructType::getLiteral(
        b.getContext(), SmallVector<Type>(count, i32Type()));
  Value loaded = NVVM::LdMatrixOp::create(
      b, loc, result, sharedRow, count,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  if (count == 1)
    return {loaded};
  SmallVector<Value> registers;
  for (int64_t i = 0; i < count; ++i)
    registers.push_back(LLVM::ExtractValueOp::create(b, loc, loaded, i));
  return registers;
}

SmallVector<Value> Emitter::mma(ArrayRef<Value> a, ArrayRef<Value> b2,
                                ArrayRef<Value> acc, Type element) {
  auto operands = [&](ArrayRef<Value> registers) {
    SmallVector<Value> values(registers);
    if (element.isF16())
      for (Value &value : values)
        value = LLVM::BitcastOp::create(b, loc, VectorType::get({2}, element),
                                        value);
    return values;
  };
  NVVM::MMATypes type =
      element.isBF16() ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Type result = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                 SmallVector<Type>(4, f32()));
  Value product =
      NVVM::MmaOp::create(b, loc, result, operands(a), operands(b2), acc,
                          ArrayRef<int64_t>{16, 8, 16},
                          /*b1Op=*/std::nullopt, /*intOverflow=*/std::nullopt,
                          std::array<NVVM::MMATypes, 2>{type, type},
                          std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                                         NVVM::MMALayout::col});
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i)
    registers.push_back(LLVM::ExtractValueOp::create(b, loc, product, i));
  return registers;
}

void Emitter::waitForPredecessor() {
  NVVM::GriddepcontrolOp::create(b, loc, NVVM::GridDepActionKind::wait);
}
void Emitter::launchDependents() {
  NVVM::GriddepcontrolOp::create(b, loc,
                                 NVVM::GridDepActionKind::launch_dependents);
}

std::pair<LLVM::LLVMFuncOp, Value>
attn::nvvm::createKernel(OpBuilder &b, Location loc, StringRef name,
                         int64_t argumentBytes, int64_t threads,
                         int64_t residentCTAs) {
  MLIRContext *ctx = b.getContext();
  Type pointer = LLVM::LLVMPointerType::get(ctx);
  auto func = LLVM::LLVMFuncOp::create(
      b, loc, name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(ctx), {pointer}));
  func->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  func->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                b.getDenseI32ArrayAttr({static_cast<int32_t>(threads)}));
  func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                b.getI32IntegerAttr(residentCTAs));
  Type structure = LLVM::LLVMStructType::getLiteral(
      ctx, LLVM::LLVMArrayType::get(b.getI64Type(), argumentBytes / 8));
  func.setArgAttr(0, LLVM::LLVMDialect::getByValAttrName(),
                  TypeAttr::get(structure));
  func.setArgAttr(0, LLVM::LLVMDialect::getAlignAttrName(),
                  b.getI64IntegerAttr(8));
  func.setArgAttr(0, NVVM::NVVMDialect::getGridConstantAttrName(),
                  b.getUnitAttr());
  Block *entry = func.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  return {func, entry->getArgument(0)};
}
