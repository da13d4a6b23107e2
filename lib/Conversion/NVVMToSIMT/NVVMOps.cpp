//===- NVVMOps.cpp - Operations of the NVVM dialect -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"
#include "attn/EmulationSIMT/Ops.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn::simt;

static constexpr int64_t kAllLanes = 0xFFFFFFFF;

//===----------------------------------------------------------------------===//
// What there is an emulation for
//===----------------------------------------------------------------------===//

static std::optional<int> specialRegister(Operation *op) {
  StringRef name = op->getName().getStringRef();
  if (!name.consume_front("nvvm.read.ptx.sreg."))
    return std::nullopt;
  int which = llvm::StringSwitch<int>(name)
                  .Case("tid.x", ATTN_SIMT_TID_X)
                  .Case("tid.y", ATTN_SIMT_TID_Y)
                  .Case("tid.z", ATTN_SIMT_TID_Z)
                  .Case("ntid.x", ATTN_SIMT_NTID_X)
                  .Case("ntid.y", ATTN_SIMT_NTID_Y)
                  .Case("ntid.z", ATTN_SIMT_NTID_Z)
                  .Case("ctaid.x", ATTN_SIMT_CTAID_X)
                  .Case("ctaid.y", ATTN_SIMT_CTAID_Y)
                  .Case("ctaid.z", ATTN_SIMT_CTAID_Z)
                  .Case("nctaid.x", ATTN_SIMT_NCTAID_X)
                  .Case("nctaid.y", ATTN_SIMT_NCTAID_Y)
                  .Case("nctaid.z", ATTN_SIMT_NCTAID_Z)
                  .Case("laneid", ATTN_SIMT_LANEID)
                  .Case("warpid", ATTN_SIMT_WARPID)
                  .Case("nwarpid", ATTN_SIMT_NWARPID)
                  .Case("warpsize", ATTN_SIMT_WARPSIZE)
                  .Case("lanemask.eq", ATTN_SIMT_LANEMASK_EQ)
                  .Case("lanemask.le", ATTN_SIMT_LANEMASK_LE)
                  .Case("lanemask.lt", ATTN_SIMT_LANEMASK_LT)
                  .Case("lanemask.ge", ATTN_SIMT_LANEMASK_GE)
                  .Case("lanemask.gt", ATTN_SIMT_LANEMASK_GT)
                  .Case("smid", ATTN_SIMT_SMID)
                  .Case("nsmid", ATTN_SIMT_NSMID)
                  .Case("dynamic.smem.size", ATTN_SIMT_DYNAMIC_SMEM_SIZE)
                  .Default(-1);
  return which < 0 ? std::nullopt : std::optional<int>(which);
}

/// The emulation of an intrinsic from f32 to f32, or an empty string.
static StringRef unaryFunction(StringRef intrinsic) {
  return llvm::StringSwitch<StringRef>(intrinsic)
      .Case("llvm.nvvm.ex2.approx.ftz.f", "attn_simt_ex2")
      .Case("llvm.nvvm.lg2.approx.ftz.f", "attn_simt_lg2")
      .Case("llvm.nvvm.rcp.approx.ftz.f", "attn_simt_rcp")
      .Case("llvm.nvvm.rsqrt.approx.ftz.f", "attn_simt_rsqrt")
      .Case("llvm.nvvm.sqrt.approx.ftz.f", "attn_simt_sqrt")
      .Case("llvm.nvvm.tanh.approx.f", "attn_simt_tanh")
      .Case("llvm.nvvm.tanh.approx.f32", "attn_simt_tanh")
      .Default("");
}

/// What orders nothing that the emulator does not order anyway.
static bool hasNoEffect(Operation *op) {
  return isa<NVVM::GriddepcontrolOp, NVVM::SetMaxRegisterOp, NVVM::PrefetchOp,
             NVVM::FenceMbarrierInitOp, NVVM::FenceProxyOp, NVVM::NanosleepOp>(
      op);
}

static std::string whyNotMma(NVVM::MmaOp op) {
  auto shape = op.getShape();
  auto type = op.getMultiplicandAPtxType();
  bool known =
      shape.getM() == 16 && shape.getN() == 8 &&
      (shape.getK() == 8 || shape.getK() == 16) && type &&
      (*type == NVVM::MMATypes::f16 || *type == NVVM::MMATypes::bf16) &&
      type == op.getMultiplicandBPtxType() &&
      op.accumPtxType() == NVVM::MMATypes::f32;
  return known ? ""
               : "mma.sync is emulated for m16n8k8 and m16n8k16 of f16 or bf16 "
                 "with f32 accumulators only";
}

template <typename Op>
static std::string whyNotMatrixAccess(Op op) {
  return op.getEltType() == NVVM::LdStMatrixEltType::B16 &&
                 op.getShape().getM() == 8 && op.getShape().getN() == 8
             ? ""
             : "only 8 x 8 matrices of 16-bit elements are emulated";
}

template <typename Op>
static std::string whyNotConversion(Op op) {
  return op.getRnd() == NVVM::FPRoundingMode::RN && !op.getRelu() &&
                 op.getSat() == NVVM::SaturationMode::NONE &&
                 !op.getRandomBits()
             ? ""
             : "conversions are emulated with rounding to nearest even only";
}

/// mbarrier operations without `predicate` and `relaxed`.
static std::string whyNotMBarrierOp(Operation *op) {
  std::string reason =
      TypeSwitch<Operation *, std::string>(op)
          .Case<NVVM::MBarrierArriveOp, NVVM::MBarrierArriveExpectTxOp,
                NVVM::MBarrierTestWaitOp, NVVM::MBarrierTryWaitOp>(
              [](auto op) { return op.getRelaxed() ? "relaxed" : ""; })
          .Default([](Operation *) { return ""; });
  if (auto init = dyn_cast<NVVM::MBarrierInitOp>(op);
      init && init.getPredicate())
    reason = "predicate";
  if (auto arrive = dyn_cast<NVVM::MBarrierArriveExpectTxOp>(op);
      arrive && arrive.getPredicate())
    reason = "predicate";
  return reason.empty() ? "" : "no emulation of '" + reason + "'";
}

/// Memory, and accesses to it, that no check would see.
static std::string whyNotWatched(Operation *op) {
  if (auto global = dyn_cast<LLVM::GlobalOp>(op))
    return global.getConstant() || global.getAddrSpace() == kSharedSpace
               ? ""
               : "global variables are not watched outside of shared memory";
  return isa<LLVM::MemcpyInlineOp, LLVM::MemsetInlineOp, LLVM::MaskedLoadOp,
             LLVM::MaskedStoreOp, LLVM::masked_gather, LLVM::masked_scatter>(op)
             ? "this kind of access is not watched"
             : "";
}

std::string attn::simt::whyNotEmulated(Operation *op) {
  if (std::string reason = whyNotWatched(op); !reason.empty())
    return reason;
  if (isa<LLVM::InlineAsmOp>(op))
    return "inline assembly has no meaning to the emulator";
  if (auto intrinsic = dyn_cast<LLVM::CallIntrinsicOp>(op)) {
    StringRef name = intrinsic.getIntrin();
    return name.starts_with("llvm.nvvm.") && unaryFunction(name).empty()
               ? "no emulation of " + name.str()
               : "";
  }
  if (!isa_and_nonnull<NVVM::NVVMDialect>(op->getDialect()))
    return whyAtomicNotEmulated(op);
  if (specialRegister(op) || hasNoEffect(op))
    return "";
  return TypeSwitch<Operation *, std::string>(op)
      .Case<NVVM::Barrier0Op, NVVM::BarrierOp, NVVM::BarrierArriveOp,
            NVVM::SyncWarpOp, NVVM::ShflOp, NVVM::VoteSyncOp, NVVM::ElectSyncOp,
            NVVM::CpAsyncOp, NVVM::CpAsyncCommitGroupOp,
            NVVM::CpAsyncWaitGroupOp, NVVM::MembarOp, NVVM::FenceScClusterOp,
            NVVM::RcpApproxFtzF32Op, NVVM::MBarrierInvalOp,
            NVVM::MBarrierExpectTxOp, NVVM::MBarrierTryWaitParityOp,
            NVVM::CpAsyncMBarrierArriveOp>([](auto) { return ""; })
      .Case<NVVM::MBarrierInitOp, NVVM::MBarrierArriveOp,
            NVVM::MBarrierArriveExpectTxOp, NVVM::MBarrierTestWaitOp,
            NVVM::MBarrierTryWaitOp>(
          [](Operation *op) { return whyNotMBarrierOp(op); })
      .Case([](NVVM::CpAsyncBulkGlobalToSharedClusterOp op) {
        return op.getMulticastMask() ? "no emulation of clusters" : "";
      })
      .Case([](NVVM::ReduxOp op) {
        return op.getType().isInteger(32)
                   ? ""
                   : "redux.sync is emulated on integers only";
      })
      .Case([](NVVM::MmaOp op) { return whyNotMma(op); })
      .Case<NVVM::LdMatrixOp, NVVM::StMatrixOp>(
          [](auto op) { return whyNotMatrixAccess(op); })
      .Case<NVVM::ConvertF32x2ToBF16x2Op, NVVM::ConvertF32x2ToF16x2Op>(
          [](auto op) { return whyNotConversion(op); })
      .Default([](Operation *) { return "no emulation"; });
}

//===----------------------------------------------------------------------===//
// Their emulation
//===----------------------------------------------------------------------===//

namespace {
/// Emits what takes the place of one operation; returns its result, if any.
class OpEmitter {
public:
  explicit OpEmitter(Emitter &e) : e(e) {}

  Value emit(Operation *op);

private:
  Value emit(NVVM::BarrierOp op);
  Value emit(NVVM::ShflOp op);
  Value emit(NVVM::VoteSyncOp op);
  Value emit(NVVM::LdMatrixOp op);
  Value emit(NVVM::StMatrixOp op);
  Value emit(NVVM::MmaOp op);
  Value emit(NVVM::CpAsyncOp op);
  Value emitMBarrierOp(Operation *op);
  Value emitMBarrierTest(Value address, Value phase, bool wait);
  /// The two halves of a pair, rounded.
  Value emitConversion(VectorType type, Value high, Value low);

  Value call(StringRef name, Type type, SmallVector<Value> arguments) {
    arguments.insert(arguments.begin(), e.site());
    return e.call(name, type, arguments);
  }
  Value orZero(Value value) { return value ? value : e.i32(0); }
  Value toBool(Value value) {
    return LLVM::ICmpOp::create(e.b, LLVM::ICmpPredicate::ne, value, e.i32(0));
  }
  /// `type`, a value or a struct of values, from the scratch words at `first`.
  Value loadScratch(Type type, int64_t first);
  void storeScratch(ValueRange values, int64_t first);

  Emitter &e;
};
} // namespace

Value OpEmitter::loadScratch(Type type, int64_t first) {
  auto structType = dyn_cast<LLVM::LLVMStructType>(type);
  if (!structType)
    return LLVM::LoadOp::create(e.b, type, e.scratchWord(first));
  Value result = LLVM::UndefOp::create(e.b, type);
  for (auto [i, element] : llvm::enumerate(structType.getBody())) {
    Value value =
        LLVM::LoadOp::create(e.b, element, e.scratchWord(first + int64_t(i)));
    result = LLVM::InsertValueOp::create(e.b, result, value,
                                         ArrayRef<int64_t>{int64_t(i)});
  }
  return result;
}

void OpEmitter::storeScratch(ValueRange values, int64_t first) {
  for (Value value : values)
    LLVM::StoreOp::create(e.b, value, e.scratchWord(first++));
}

Value OpEmitter::emit(NVVM::BarrierOp op) {
  Value id = orZero(op.getBarrierId());
  Value count = orZero(op.getNumberOfThreads());
  if (!op.getReductionOp())
    return call("attn_simt_barrier", nullptr, {id, count});
  auto kind = static_cast<int64_t>(*op.getReductionOp());
  return call("attn_simt_barrier_reduce", e.i32Type(),
              {id, count, e.i32(kind), op.getReductionPredicate()});
}

Value OpEmitter::emit(NVVM::ShflOp op) {
  Value both =
      call("attn_simt_shfl", e.i64Type(),
           {e.i32(static_cast<int64_t>(op.getKind())), op.getThreadMask(),
            e.toBits(op.getVal(), 32), op.getOffset(), op.getMaskAndClamp()});
  Value value = e.fromBits(LLVM::TruncOp::create(e.b, e.i32Type(), both),
                           op.getVal().getType());
  if (!op.getReturnValueAndIsValid())
    return value;
  Value high = LLVM::LShrOp::create(e.b, both, e.i64(32));
  Value valid = LLVM::TruncOp::create(e.b, e.b.getI1Type(), high);
  Value pair = LLVM::UndefOp::create(e.b, op.getType());
  pair = LLVM::InsertValueOp::create(e.b, pair, value, ArrayRef<int64_t>{0});
  return LLVM::InsertValueOp::create(e.b, pair, valid, ArrayRef<int64_t>{1});
}

Value OpEmitter::emit(NVVM::VoteSyncOp op) {
  Value result = call("attn_simt_vote", e.i32Type(),
                      {e.i32(static_cast<int64_t>(op.getKind())), op.getMask(),
                       e.toBits(op.getPred(), 32)});
  return op.getType().isInteger(1) ? toBool(result) : result;
}

Value OpEmitter::emit(NVVM::LdMatrixOp op) {
  bool transposed = op.getLayout() == NVVM::MMALayout::col;
  call("attn_simt_ldmatrix", nullptr,
       {e.i32(op.getNum()), e.i32(transposed), e.plain(op.getPtr()),
        e.scratch()});
  return loadScratch(op.getType(), 0);
}

Value OpEmitter::emit(NVVM::StMatrixOp op) {
  bool transposed = op.getLayout() == NVVM::MMALayout::col;
  storeScratch(op.getSources(), 0);
  return call("attn_simt_stmatrix", nullptr,
              {e.i32(op.getSources().size()), e.i32(transposed),
               e.plain(op.getPtr()), e.scratch()});
}

Value OpEmitter::emit(NVVM::MmaOp op) {
  bool bf16 = *op.getMultiplicandAPtxType() == NVVM::MMATypes::bf16;
  storeScratch(op.getOperands(), 0);
  call("attn_simt_mma", nullptr,
       {e.i32(op.getShape().getK()),
        e.i32(bf16 ? ATTN_SIMT_BF16 : ATTN_SIMT_F16), e.scratch()});
  return loadScratch(
      op.getType(), int64_t(op.getOperandA().size() + op.getOperandB().size()));
}

Value OpEmitter::emit(NVVM::CpAsyncOp op) {
  Value bytes = e.i32(op.getSize());
  return call("attn_simt_cp_async", nullptr,
              {e.plain(op.getDst()), e.plain(op.getSrc()), bytes,
               op.getCpSize() ? op.getCpSize() : bytes});
}

Value OpEmitter::emitMBarrierTest(Value address, Value phase, bool wait) {
  bool isState = phase.getType().isInteger(64);
  if (!isState)
    phase = LLVM::ZExtOp::create(e.b, e.i64Type(), phase);
  return call("attn_simt_mbarrier_test", e.i32Type(),
              {e.plain(address), phase, e.i32(isState), e.i32(wait)});
}

Value OpEmitter::emitMBarrierOp(Operation *op) {
  auto arrive = [&](Value address, Value count, Value bytes) {
    return call("attn_simt_mbarrier_arrive", e.i64Type(),
                {e.plain(address), count, bytes});
  };
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](NVVM::MBarrierInitOp op) {
        return call("attn_simt_mbarrier_init", nullptr,
                    {e.plain(op.getAddr()), op.getCount()});
      })
      .Case([&](NVVM::MBarrierInvalOp op) {
        return call("attn_simt_mbarrier_inval", nullptr,
                    {e.plain(op.getAddr())});
      })
      .Case([&](NVVM::MBarrierExpectTxOp op) {
        return arrive(op.getAddr(), e.i32(0), op.getTxcount());
      })
      .Case([&](NVVM::MBarrierArriveOp op) {
        return arrive(op.getAddr(), op.getCount() ? op.getCount() : e.i32(1),
                      e.i32(0));
      })
      .Case([&](NVVM::MBarrierArriveExpectTxOp op) {
        return arrive(op.getAddr(), e.i32(1), op.getTxcount());
      })
      .Case([&](NVVM::MBarrierTryWaitParityOp op) {
        return emitMBarrierTest(op.getAddr(), op.getPhase(), /*wait=*/true);
      })
      .Case<NVVM::MBarrierTestWaitOp, NVVM::MBarrierTryWaitOp>([&](auto op) {
        return toBool(emitMBarrierTest(op.getAddr(), op.getStateOrPhase(),
                                       /*wait=*/false));
      })
      .Case([&](NVVM::CpAsyncMBarrierArriveOp op) {
        return call("attn_simt_mbarrier_copies_arrive", nullptr,
                    {e.plain(op.getAddr()), e.i32(op.getNoinc())});
      })
      .Case([&](NVVM::CpAsyncBulkGlobalToSharedClusterOp op) {
        return call("attn_simt_bulk_load", nullptr,
                    {e.plain(op.getDstMem()), e.plain(op.getSrcMem()),
                     e.plain(op.getMbar()), op.getSize()});
      })
      .Default([](Operation *) { return Value(); });
}

Value OpEmitter::emitConversion(VectorType type, Value high, Value low) {
  Value pair = LLVM::UndefOp::create(e.b, type);
  for (bool isHigh : {false, true}) {
    Value rounded = LLVM::FPTruncOp::create(e.b, type.getElementType(),
                                            isHigh ? high : low);
    pair = LLVM::InsertElementOp::create(e.b, pair, rounded, e.i32(isHigh));
  }
  return pair;
}

Value OpEmitter::emit(Operation *op) {
  if (std::optional<int> which = specialRegister(op))
    return e.call("attn_simt_sreg", e.i32Type(), {e.i32(*which)});
  return TypeSwitch<Operation *, Value>(op)
      .Case<NVVM::BarrierOp, NVVM::ShflOp, NVVM::VoteSyncOp, NVVM::LdMatrixOp,
            NVVM::StMatrixOp, NVVM::MmaOp, NVVM::CpAsyncOp>(
          [&](auto op) { return emit(op); })
      .Case<NVVM::ConvertF32x2ToBF16x2Op, NVVM::ConvertF32x2ToF16x2Op>(
          [&](auto op) {
            return emitConversion(cast<VectorType>(op.getType()), op.getSrcHi(),
                                  op.getSrcLo());
          })
      .Case([&](NVVM::Barrier0Op) {
        return call("attn_simt_barrier", nullptr, {e.i32(0), e.i32(0)});
      })
      .Case([&](NVVM::BarrierArriveOp op) {
        return call("attn_simt_barrier_arrive", nullptr,
                    {orZero(op.getBarrierId()), op.getNumberOfThreads()});
      })
      .Case([&](NVVM::SyncWarpOp op) {
        return call("attn_simt_warp_sync", nullptr, {op.getMask()});
      })
      .Case([&](NVVM::ElectSyncOp op) {
        Value mask =
            op.getMembermask() ? op.getMembermask() : e.i32(int32_t(kAllLanes));
        return toBool(call("attn_simt_elect", e.i32Type(), {mask}));
      })
      .Case([&](NVVM::ReduxOp op) {
        return call("attn_simt_redux", e.i32Type(),
                    {e.i32(static_cast<int64_t>(op.getKind())),
                     op.getMaskAndClamp(), op.getVal()});
      })
      .Case([&](NVVM::CpAsyncCommitGroupOp) {
        return call("attn_simt_cp_async_commit", nullptr, {});
      })
      .Case([&](NVVM::CpAsyncWaitGroupOp op) {
        return call("attn_simt_cp_async_wait", nullptr, {e.i32(op.getN())});
      })
      .Case<NVVM::MembarOp, NVVM::FenceScClusterOp>(
          [&](auto) { return call("attn_simt_fence", nullptr, {}); })
      .Case([&](NVVM::RcpApproxFtzF32Op op) {
        return e.call("attn_simt_rcp", op.getType(), {op.getArg()});
      })
      .Default([&](Operation *op) { return emitMBarrierOp(op); });
}

bool attn::simt::emulateNVVMOp(Operation *op, Emitter &emitter) {
  emitter.startAt(op);
  Value result;
  if (auto intrinsic = dyn_cast<LLVM::CallIntrinsicOp>(op)) {
    StringRef function = unaryFunction(intrinsic.getIntrin());
    if (function.empty())
      return false;
    result = emitter.call(function, emitter.b.getF32Type(), op->getOperands());
  } else if (!isa_and_nonnull<NVVM::NVVMDialect>(op->getDialect())) {
    return false;
  } else {
    result = OpEmitter(emitter).emit(op);
  }
  if (op->getNumResults() > 0)
    op->replaceAllUsesWith(ValueRange(result));
  op->erase();
  return true;
}
