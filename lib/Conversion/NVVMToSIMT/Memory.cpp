//===- Memory.cpp - Shared memory, accesses and atomics -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"
#include "attn/EmulationSIMT/Ops.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn::simt;

static constexpr unsigned kLocalSpace = 5;

/// Whether an address lies in the function's own stack frame or in a module's
/// constant, where nothing can go wrong between threads.
static bool isPrivate(Value address) {
  if (cast<LLVM::LLVMPointerType>(address.getType()).getAddressSpace() ==
      kLocalSpace)
    return true;
  while (Operation *op = address.getDefiningOp()) {
    if (auto global = dyn_cast<LLVM::AddressOfOp>(op))
      return global.getType().getAddressSpace() != kSharedSpace;
    if (isa<LLVM::AllocaOp>(op))
      return true;
    if (!isa<LLVM::GEPOp, LLVM::AddrSpaceCastOp, LLVM::BitcastOp>(op))
      return false;
    address = op->getOperand(0);
  }
  return false;
}

static bool emitCheck(Emitter &emitter, bool write, Value address, Value bytes,
                      uint64_t alignment) {
  emitter.call(
      write ? "attn_simt_store" : "attn_simt_load", nullptr,
      {emitter.site(), emitter.plain(address), bytes, emitter.i32(alignment)});
  return true;
}

template <typename Op>
static bool instrument(Op op, bool write, Type type, Emitter &emitter) {
  if (isPrivate(op.getAddr()))
    return false;
  DataLayout layout = DataLayout::closest(op);
  uint64_t alignment =
      op.getAlignment().value_or(layout.getTypeABIAlignment(type));
  emitter.startAt(op);
  return emitCheck(emitter, write, op.getAddr(),
                   emitter.i64(layout.getTypeSize(type)), alignment);
}

/// A copy or a fill of a number of bytes known at run time.
static bool instrumentBlock(Operation *op, Value to, Value from, Value bytes,
                            Emitter &emitter) {
  emitter.startAt(op);
  if (bytes.getType().isInteger(32))
    bytes = LLVM::ZExtOp::create(emitter.b, emitter.i64Type(), bytes);
  bool any = false;
  if (from && !isPrivate(from))
    any |= emitCheck(emitter, /*write=*/false, from, bytes, 1);
  if (!isPrivate(to))
    any |= emitCheck(emitter, /*write=*/true, to, bytes, 1);
  return any;
}

bool attn::simt::instrumentAccess(Operation *op, Emitter &emitter) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](LLVM::LoadOp load) {
        return instrument(load, /*write=*/false, load.getType(), emitter);
      })
      .Case([&](LLVM::StoreOp store) {
        return instrument(store, /*write=*/true, store.getValue().getType(),
                          emitter);
      })
      .Case<LLVM::MemcpyOp, LLVM::MemmoveOp>([&](auto copy) {
        return instrumentBlock(copy, copy.getDst(), copy.getSrc(),
                               copy.getLen(), emitter);
      })
      .Case([&](LLVM::MemsetOp fill) {
        return instrumentBlock(fill, fill.getDst(), Value(), fill.getLen(),
                               emitter);
      })
      .Default([](Operation *) { return false; });
}

//===----------------------------------------------------------------------===//
// Atomic operations
//===----------------------------------------------------------------------===//

static std::optional<attn_simt_atomic_op> atomicOp(LLVM::AtomicBinOp op) {
  switch (op) {
  case LLVM::AtomicBinOp::xchg:
    return ATTN_SIMT_ATOMIC_XCHG;
  case LLVM::AtomicBinOp::add:
    return ATTN_SIMT_ATOMIC_ADD;
  case LLVM::AtomicBinOp::sub:
    return ATTN_SIMT_ATOMIC_SUB;
  case LLVM::AtomicBinOp::_and:
    return ATTN_SIMT_ATOMIC_AND;
  case LLVM::AtomicBinOp::_or:
    return ATTN_SIMT_ATOMIC_OR;
  case LLVM::AtomicBinOp::_xor:
    return ATTN_SIMT_ATOMIC_XOR;
  case LLVM::AtomicBinOp::max:
    return ATTN_SIMT_ATOMIC_MAX;
  case LLVM::AtomicBinOp::min:
    return ATTN_SIMT_ATOMIC_MIN;
  case LLVM::AtomicBinOp::umax:
    return ATTN_SIMT_ATOMIC_UMAX;
  case LLVM::AtomicBinOp::umin:
    return ATTN_SIMT_ATOMIC_UMIN;
  case LLVM::AtomicBinOp::fadd:
    return ATTN_SIMT_ATOMIC_FADD;
  case LLVM::AtomicBinOp::fmax:
    return ATTN_SIMT_ATOMIC_FMAX;
  case LLVM::AtomicBinOp::fmin:
    return ATTN_SIMT_ATOMIC_FMIN;
  case LLVM::AtomicBinOp::uinc_wrap:
    return ATTN_SIMT_ATOMIC_UINC;
  case LLVM::AtomicBinOp::udec_wrap:
    return ATTN_SIMT_ATOMIC_UDEC;
  default:
    return std::nullopt;
  }
}

static int32_t orderBits(LLVM::AtomicOrdering ordering) {
  switch (ordering) {
  case LLVM::AtomicOrdering::acquire:
    return ATTN_SIMT_ACQUIRE;
  case LLVM::AtomicOrdering::release:
    return ATTN_SIMT_RELEASE;
  case LLVM::AtomicOrdering::acq_rel:
  case LLVM::AtomicOrdering::seq_cst:
    return ATTN_SIMT_ACQUIRE | ATTN_SIMT_RELEASE;
  default:
    return 0;
  }
}

/// 4 or 8, the sizes that attn_simt_atomic takes; 0 for other types.
static unsigned atomicBytes(Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return 8;
  if (type.isInteger(32) || type.isF32())
    return 4;
  return type.isInteger(64) || type.isF64() ? 8 : 0;
}

/// Emits the operation and returns the old value as a `type`.
static Value emitAtomic(Emitter &emitter, attn_simt_atomic_op op, Value address,
                        Type type, Value operand, Value compare,
                        int32_t order) {
  auto bits = [&](Value value) {
    return value ? emitter.toBits(value, 64) : emitter.i64(0);
  };
  Value old =
      emitter.call("attn_simt_atomic", emitter.i64Type(),
                   {emitter.site(), emitter.i32(op), emitter.plain(address),
                    emitter.i32(atomicBytes(type)), bits(operand),
                    bits(compare), emitter.i32(order)});
  return emitter.fromBits(old, type);
}

/// Volatile accesses are relaxed ones (PTX ISA, "ld": .volatile).
template <typename Op>
static bool isAtomicAccess(Op op) {
  return op.getOrdering() != LLVM::AtomicOrdering::not_atomic ||
         op.getVolatile_();
}

bool attn::simt::emulateAtomic(Operation *op, Emitter &emitter) {
  emitter.startAt(op);
  if (auto rmw = dyn_cast<LLVM::AtomicRMWOp>(op)) {
    Type type = rmw.getVal().getType();
    rmw.replaceAllUsesWith(emitAtomic(emitter, *atomicOp(rmw.getBinOp()),
                                      rmw.getPtr(), type, rmw.getVal(), Value(),
                                      orderBits(rmw.getOrdering())));
  } else if (auto swap = dyn_cast<LLVM::AtomicCmpXchgOp>(op)) {
    Type type = swap.getVal().getType();
    Value old = emitAtomic(emitter, ATTN_SIMT_ATOMIC_CMPXCHG, swap.getPtr(),
                           type, swap.getVal(), swap.getCmp(),
                           orderBits(swap.getSuccessOrdering()));
    ImplicitLocOpBuilder &b = emitter.b;
    Value same =
        LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::eq, old, swap.getCmp());
    Value pair = LLVM::UndefOp::create(b, swap.getType());
    pair = LLVM::InsertValueOp::create(b, pair, old, ArrayRef<int64_t>{0});
    pair = LLVM::InsertValueOp::create(b, pair, same, ArrayRef<int64_t>{1});
    swap.replaceAllUsesWith(pair);
  } else if (auto load = dyn_cast<LLVM::LoadOp>(op);
             load && isAtomicAccess(load)) {
    load.replaceAllUsesWith(emitAtomic(emitter, ATTN_SIMT_ATOMIC_LOAD,
                                       load.getAddr(), load.getType(), Value(),
                                       Value(), orderBits(load.getOrdering())));
  } else if (auto store = dyn_cast<LLVM::StoreOp>(op);
             store && isAtomicAccess(store)) {
    emitAtomic(emitter, ATTN_SIMT_ATOMIC_STORE, store.getAddr(),
               store.getValue().getType(), store.getValue(), Value(),
               orderBits(store.getOrdering()));
  } else if (isa<LLVM::FenceOp>(op)) {
    emitter.call("attn_simt_fence", nullptr, {emitter.site()});
  } else {
    return false;
  }
  op->erase();
  return true;
}

std::string attn::simt::whyAtomicNotEmulated(Operation *op) {
  Type type;
  if (auto rmw = dyn_cast<LLVM::AtomicRMWOp>(op)) {
    if (!atomicOp(rmw.getBinOp()))
      return "this atomic operation has no emulation";
    type = rmw.getVal().getType();
  } else if (auto swap = dyn_cast<LLVM::AtomicCmpXchgOp>(op)) {
    type = swap.getVal().getType();
  } else if (auto load = dyn_cast<LLVM::LoadOp>(op);
             load && isAtomicAccess(load)) {
    type = load.getType();
  } else if (auto store = dyn_cast<LLVM::StoreOp>(op);
             store && isAtomicAccess(store)) {
    type = store.getValue().getType();
  }
  return type && atomicBytes(type) == 0
             ? "atomic operations are emulated on 32 and 64 bits only"
             : "";
}

//===----------------------------------------------------------------------===//
// Globals in shared memory
//===----------------------------------------------------------------------===//

int64_t attn::simt::replaceSharedGlobals(Emitter &emitter) {
  DataLayout layout(emitter.module);
  SmallVector<LLVM::GlobalOp> dynamic;
  llvm::DenseMap<StringAttr, int64_t> offsets;
  SmallVector<LLVM::GlobalOp> globals;
  uint64_t end = 0;
  for (auto global : emitter.module.getOps<LLVM::GlobalOp>())
    if (global.getAddrSpace() == kSharedSpace)
      globals.push_back(global);
  auto place = [&](LLVM::GlobalOp global, uint64_t bytes) {
    end = llvm::alignTo(end, global.getAlignment().value_or(
                                 layout.getTypeABIAlignment(global.getType())));
    offsets[global.getSymNameAttr()] = static_cast<int64_t>(end);
    end += bytes;
  };
  for (LLVM::GlobalOp global : globals) {
    uint64_t bytes = layout.getTypeSize(global.getType());
    if (bytes == 0)
      dynamic.push_back(global);
    else
      place(global, bytes);
  }
  // All dynamic ones are the same memory, as in PTX.
  for (LLVM::GlobalOp global : dynamic)
    place(global, 0);
  for (LLVM::GlobalOp global : dynamic)
    offsets[global.getSymNameAttr()] = static_cast<int64_t>(end);

  emitter.module.walk([&](LLVM::AddressOfOp op) {
    auto found = offsets.find(op.getGlobalNameAttr().getAttr());
    if (found == offsets.end())
      return;
    emitter.startAt(op);
    ImplicitLocOpBuilder &b = emitter.b;
    Value base = emitter.call("attn_simt_shared", emitter.pointerType(), {});
    Value address =
        LLVM::GEPOp::create(b, emitter.pointerType(), b.getI8Type(), base,
                            ArrayRef<LLVM::GEPArg>{int32_t(found->second)});
    op.replaceAllUsesWith(
        LLVM::AddrSpaceCastOp::create(b, op.getType(), address).getResult());
    op.erase();
  });
  for (LLVM::GlobalOp global : globals)
    global.erase();
  return static_cast<int64_t>(end);
}
