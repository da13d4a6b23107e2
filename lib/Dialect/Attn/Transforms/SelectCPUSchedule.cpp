//===- SelectCPUSchedule.cpp - Choose how the CPU runs attention -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Combine.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Target/CPUFeatures.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace attn {
#define GEN_PASS_DEF_ATTNSELECTCPUSCHEDULE
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// The facts a choice rests on.
struct Problem {
  Type element;
  int64_t rows; ///< query rows per KV head
  bool latent;
  Layout layout;
  int64_t page; ///< tokens; 0 or -1 where unknown
  int64_t kvHeads;
  /// Bytes from token to token of the latent rows that K and V are decompressed
  /// from; 0: from none.
  int64_t latentStride = 0;

  /// The rows of a head lie apart, so that the hardware's prefetcher, which
  /// follows pages of memory, needs tiles of few tokens.
  bool strided() const { return layout == Layout::Row && kvHeads > 1; }
};

tile::Engine chooseEngine(CPULevel level, const Problem &p) {
  if (!p.element.isBF16())
    return tile::Engine::Fma; // no AMX or dot product for f16 and f32 here
  switch (level) {
  case CPULevel::AMX:
    // Up to four rows a head, interleaving V for AMX costs more than FMA does;
    // not so with latent rows, whose tiles are longer.
    return p.strided() && !p.latent && p.rows <= 4 ? tile::Engine::Fma
                                                   : tile::Engine::Amx;
  case CPULevel::AVX512BF16:
    return tile::Engine::DpBf16;
  case CPULevel::AVX512:
  case CPULevel::AVX2:
    return tile::Engine::Fma;
  }
  llvm_unreachable("all levels covered");
}

/// Tokens per tile: what was fastest when timed with `attn-bench --schedule`.
int64_t chooseTile(const Problem &p, tile::Engine engine, int64_t vector) {
  // A latent tile is one small GEMM: more tokens amortise the walk over the
  // 512-wide accumulator, which lives in L2.
  if (p.latent)
    return engine == tile::Engine::Amx ? 256 : 64;
  // Fewer pages open at a time: 2 % less cold with one thread, 5 % with two, 3
  // to 6 % with one row. Groups in f16 did not gain; AVX2 was tuned on another
  // machine.
  if (p.strided())
    return engine == tile::Engine::Fma && vector == 16 &&
                   (p.element.isBF16() || p.rows == 1)
               ? 16
               : 32;
  // K and V of one head for 64 tokens are 32 KiB and stay in L1. In our own
  // layout a whole page is walked in memory's order, where a part of it is not.
  int64_t tokens = p.layout == Layout::Own ? 128 : 64;
  if (p.layout == Layout::Own)
    while (tokens > 32 && p.page % tokens)
      tokens /= 2;
  return tokens;
}

tile::ScheduleAttr choose(MLIRContext *ctx, CPULevel level, const Problem &p) {
  tile::Engine engine = chooseEngine(level, p);
  int64_t vector = level == CPULevel::AVX2 ? 8 : 16;
  // Weights rounded to bf16 would do with the third degree (7.5e-5), but their
  // sum is the log-sum-exp, which callers merge by: the fourth gives 2.6e-6.
  int64_t degree =
      engine == tile::Engine::Fma ? (p.element.isF32() ? 6 : 5) : 4;
  // Latent rows follow each other: the hardware's prefetcher walks them, and
  // software prefetches only queue before its requests.
  int64_t tile = chooseTile(p, engine, vector);
  // A tile that is decompressed takes long enough for the next one to come.
  int64_t prefetch = p.latent         ? 0
                     : p.latentStride ? tile * p.latentStride
                                      : 2048;
  // A burst of requests fills the core's line-fill buffers, and what the
  // products wait for stands behind them. bf16, whose loads cover whole lines,
  // fares better with it nevertheless; AVX2 was tuned on another machine.
  bool spread = p.strided() && vector == 16 && !p.element.isBF16();
  // Several latent rows a token: a later group's rows of a tile on AMX, which
  // has 256 tokens, are better not fetched ahead (10 to 12 % less time); tiles
  // of other engines take 1.5 times as long without that.
  bool alone = p.latent && p.strided() && engine == tile::Engine::Amx;
  return tile::ScheduleAttr::get(ctx, engine, vector, tile, prefetch, degree,
                                 /*prefetch_heads=*/alone ? 0 : 1, spread);
}

/// What projections with weights `[H, K, N]` run on; of `fewRows` rows and
/// less, vector FMA.
tile::ProjectionScheduleAttr
chooseProjection(MLIRContext *ctx, CPULevel level,
                 ArrayRef<RankedTensorType> weights, int64_t fewRows) {
  bool tiles = level == CPULevel::AMX;
  for (RankedTensorType type : weights)
    tiles &= type.getElementType().isBF16() && type.getDimSize(1) % 32 == 0 &&
             type.getDimSize(2) % 32 == 0;
  return tile::ProjectionScheduleAttr::get(
      ctx, tiles ? tile::Engine::Amx : tile::Engine::Fma,
      level == CPULevel::AVX2 ? 8 : 16, fewRows, /*prefetch=*/512);
}

/// Bytes from a head's row to the next token's.
int64_t latentStride(KVCacheType cache) {
  int64_t rows = cache.getLayout() == Layout::Row ? cache.getHeads() : 1;
  return rows * cache.getKDim() *
         cache.getElementType().getIntOrFloatBitWidth() / 8;
}

/// What keeps the output's projection from merging; empty if nothing does.
std::string reasonNotToFuse(AttendOp attend) {
  if (attend.getForm() != Form::Absorbed)
    return "no projection follows the attention in this form";
  if (attend.getQuery().getType().isDynamicDim(1))
    return "the number of query tokens is unknown";
  if (cast<RankedTensorType>(attend.getUpV().getType()).isDynamicDim(1))
    return "the rank is unknown";
  return "";
}

/// Of one request that all threads share, which is where merging takes longest.
cost::CombineShape combineShape(AttendOp attend, int64_t threads) {
  cost::CombineShape shape;
  shape.heads = attend.getHeads().getQ();
  shape.rank = cast<RankedTensorType>(attend.getUpV().getType()).getDimSize(1);
  shape.qLen = attend.getQuery().getType().getDimSize(1);
  // Where their number is unknown, as many as the projection can use.
  shape.threads = threads ? threads : shape.heads;
  shape.parts = shape.threads;
  return shape;
}

struct SelectCPUSchedule
    : attn::impl::AttnSelectCPUScheduleBase<SelectCPUSchedule> {
  using Base::Base;

  void runOnOperation() override {
    std::optional<CPULevel> level = parseCPULevel(isa);
    if (!level) {
      getOperation()->emitError("unknown instruction level '")
          << isa << "': expected avx2, avx512, avx512bf16 or amx";
      return signalPassFailure();
    }
    if (!llvm::is_contained({"auto", "fused", "separate"}, combine)) {
      getOperation()->emitError("combine is '")
          << combine << "': expected auto, fused or separate";
      return signalPassFailure();
    }
    if (threads < 0) {
      getOperation()->emitError("threads must not be negative");
      return signalPassFailure();
    }
    bool failed = false;
    getOperation()->walk([&](Operation *op) {
      SmallVector<RankedTensorType> weights;
      // Up to four rows FMA multiplies weights as fast as memory brings them.
      int64_t fewRows = 4;
      if (auto project = dyn_cast<ProjectOp>(op))
        weights = {project.getWeight().getType()};
      else if (auto attend = dyn_cast<AttendOp>(op);
               attend && attend.hasUpProjections()) {
        weights = {cast<RankedTensorType>(attend.getUpK().getType()),
                   cast<RankedTensorType>(attend.getUpV().getType())};
        // What is decompressed is the tokens of a context, few by rare chance.
        if (attend.getForm() == Form::Materialized)
          fewRows = 0;
      }
      StringRef name = tile::ProjectionScheduleAttr::name;
      if (!weights.empty() && !op->hasAttr(name))
        op->setAttr(
            name, chooseProjection(op->getContext(), *level, weights, fewRows));
      if (auto attend = dyn_cast<AttendOp>(op);
          attend && attend.hasUpProjections())
        failed |= mlir::failed(selectCombine(attend));
      if (op->hasAttr("tile.schedule"))
        return;
      if (auto attend = dyn_cast<AttendOp>(op)) {
        if (attend.getForm() == Form::FusedDecompress) {
          if (KVCacheType cache = attend.getCacheType())
            // K and V of one head, in scratch.
            annotate(op, *level,
                     {cache.getElementType(),
                      attend.getQuery().getType().getDimSize(1), false,
                      Layout::Row, KVCacheType::kContiguous, /*kvHeads=*/1,
                      latentStride(cache)});
        } else if (attend.getForm() == Form::Materialized)
          // K and V of one head after the other.
          annotate(op, *level,
                   {attend.getQuery().getType().getElementType(),
                    attend.getQuery().getType().getDimSize(1), false,
                    Layout::Row, KVCacheType::kContiguous, /*kvHeads=*/1});
        else if (KVCacheType cache = attend.getCacheType())
          annotate(op, *level,
                   {cache.getElementType(),
                    attend.getHeads().getGroup() *
                        attend.getQuery().getType().getDimSize(1),
                    cache.isLatent(), cache.getLayout(), cache.getPage(),
                    cache.getHeads()});
      } else if (auto merge = dyn_cast<MergeOp>(op)) {
        // A merge multiplies nothing: f32 maps only.
        annotate(
            op, *level,
            {Float32Type::get(op->getContext()), 1, false, Layout::Row, 0, 1});
      }
    });
    if (failed)
      signalPassFailure();
  }

  /// Decides who merges the partial states of a split request.
  LogicalResult selectCombine(AttendOp attend) {
    auto options = remark::RemarkOpts::name("combine").category("attn");
    if (attend->hasAttr(tile::kFuseCombineAttrName))
      return success();
    std::string reason = reasonNotToFuse(attend);
    if (!reason.empty() && combine == "fused")
      return attend.emitOpError("cannot merge in the output's projection: ")
             << reason;
    std::string prices;
    if (reason.empty() && combine == "auto") {
      cost::CombineShape shape = combineShape(attend, threads);
      cost::CombineCost apart = cost::separateCombine({}, shape);
      cost::CombineCost fused = cost::fusedCombine({}, shape);
      prices = llvm::formatv(
          " ({0} threads: {1:f1} us against {2:f1} us by a phase of "
          "its own, which moves {3:f3} MB more)",
          shape.threads, fused.seconds * 1e6, apart.seconds * 1e6,
          (apart.stateBytes + apart.mergedBytes - fused.stateBytes) * 1e-6);
      if (shape.threads == 1)
        reason = "one thread splits no request";
      else if (fused.seconds >= apart.seconds)
        reason = "a phase of its own merges faster" + prices;
    } else if (reason.empty() && combine == "separate") {
      reason = "the option says so";
    }
    attend->setAttr(tile::kFuseCombineAttrName,
                    BoolAttr::get(attend.getContext(), reason.empty()));
    if (!reason.empty()) {
      remark::missed(attend.getLoc(), options)
          << "partial states are not merged in the output's projection: " +
                 reason;
      return success();
    }
    remark::passed(attend.getLoc(), options)
        << "partial states are merged in the output's projection" + prices;
    ++numFusedCombines;
    return success();
  }

  void annotate(Operation *op, CPULevel level, const Problem &problem) {
    tile::ScheduleAttr schedule = choose(op->getContext(), level, problem);
    op->setAttr("tile.schedule", schedule);
    remark::passed(op->getLoc(),
                   remark::RemarkOpts::name("schedule").category("attn"))
        << llvm::formatv("engine {0} for level {1}, tiles of {2} tokens",
                         tile::stringifyEngine(schedule.getEngine()),
                         cpuLevelName(level), schedule.getKvTile())
               .str();
    switch (schedule.getEngine()) {
    case tile::Engine::Amx:
      ++numAmx;
      break;
    case tile::Engine::DpBf16:
      ++numDpBf16;
      break;
    case tile::Engine::Fma:
      ++numFma;
      break;
    }
  }
};
} // namespace
