//===- SelectGPUSchedule.cpp - Choose how a GPU runs each attention *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Target/NVVMArch.h"
#include "mlir/IR/Remarks.h"

namespace attn {
#define GEN_PASS_DEF_ATTNSELECTGPUSCHEDULE
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// The facts a choice rests on.
struct Shape {
  int64_t rows; ///< query rows per KV head
  int64_t k, v;
  bool latent; ///< V is a prefix of K
};

/// Shared memory of a CTA [bytes]; what TileToNVVM reserves, rounded up.
int64_t sharedBytes(const Shape &s, int64_t rows, int64_t warps, int64_t tile,
                    int64_t stages) {
  int64_t row = 2 * (s.k + (s.latent ? 0 : s.v));
  return rows * s.k * 2 + stages * tile * row + rows * tile * 2 +
         2 * warps * rows * 4 + 32 * tile + 1024;
}

/// Registers of a thread: accumulator and scores, operands of the products, and
/// what ptxas was seen to take besides (test/Target/ptxas-table.txt).
int64_t registers(const Shape &s, int64_t rows, int64_t warps, int64_t tile) {
  int64_t threads = 32 * warps;
  return rows * (s.v + tile) / threads + rows / 2 + 72;
}

int residentCTAs(const NVVMArch &arch, const Shape &s, int64_t rows,
                 int64_t warps, int64_t tile, int sharedBytes) {
  return getOccupancy(arch, {static_cast<int>(32 * warps),
                             static_cast<int>(registers(s, rows, warps, tile)),
                             sharedBytes})
      .ctas;
}

/// Of a number of warps, the schedule with the most bytes in flight on an SM;
/// none where nothing fits.
std::optional<tile::GPUScheduleAttr>
choose(MLIRContext *ctx, const NVVMArch &arch, const Shape &s, int64_t warps) {
  // Tokens are dealt to the warps in groups of 8, and 16 make a step of the
  // second product.
  int64_t unit = warps % 2 ? 16 * warps : 8 * warps;
  std::optional<tile::GPUScheduleAttr> best;
  int64_t bestFlight = 0;
  // An accumulator of 32 rows x 512 columns takes 128 registers a thread of
  // four warps, which is as much as leaves room for the rest.
  int64_t mostRows =
      std::min<int64_t>(64, 32 * 512 / s.v / 16 * 16 * warps / 4);
  for (int64_t rows = 16; rows <= std::max<int64_t>(mostRows, 16); rows += 16) {
    // More rows than there are help nobody; fewer read K several times.
    if (rows >= s.rows + 16)
      break;
    int64_t flight = 0;
    std::optional<tile::GPUScheduleAttr> found;
    for (int64_t tile : {unit, 2 * unit, 3 * unit, 4 * unit}) {
      if (tile % 16 || tile > 32 * warps || tile > 128)
        continue;
      for (int64_t stages : {2, 3, 4}) {
        int64_t bytes = sharedBytes(s, rows, warps, tile, stages);
        if (bytes > arch.maxSharedPerCTA)
          continue;
        int64_t ctas = std::min(4, residentCTAs(arch, s, rows, warps, tile,
                                                static_cast<int>(bytes)));
        int64_t inFlight =
            ctas * (stages - 1) * tile * 2 * (s.k + (s.latent ? 0 : s.v));
        if (inFlight > flight) {
          flight = inFlight;
          found = tile::GPUScheduleAttr::get(ctx, tile::GPUForm::MmaSync, warps,
                                             rows, tile, stages, ctas);
        }
      }
    }
    // A second row block reads K again, mostly from L2: worth half of the
    // bytes in flight.
    if (found && 2 * flight >= bestFlight) {
      best = found;
      bestFlight = std::max(bestFlight, flight);
    }
  }
  return best;
}

/// Four warps, or as near to four as can share the columns of V in groups of 16
/// with tiles that fit.
std::optional<tile::GPUScheduleAttr>
choose(MLIRContext *ctx, const NVVMArch &arch, const Shape &s) {
  for (int64_t warps : {4, 5, 3, 6, 7, 2, 8, 1})
    if (s.v % (16 * warps) == 0)
      if (auto schedule = choose(ctx, arch, s, warps))
        return schedule;
  return std::nullopt;
}

struct SelectGPUSchedule
    : attn::impl::AttnSelectGPUScheduleBase<SelectGPUSchedule> {
  using Base::Base;

  void runOnOperation() override {
    llvm::Expected<NVVMArch> arch = parseNVVMArch(chip);
    if (!arch) {
      getOperation()->emitError(llvm::toString(arch.takeError()));
      return signalPassFailure();
    }
    WalkResult result = getOperation()->walk([&](AttendOp attend) {
      KVCacheType cache = attend.getCacheType();
      if (!cache || attend->hasAttr("tile.schedule"))
        return WalkResult::advance();
      Shape shape{attend.getHeads().getGroup() *
                      attend.getQuery().getType().getDimSize(1),
                  cache.getKDim(), cache.getVDim(), cache.isLatent()};
      if (shape.k % 16 || shape.v % 16) {
        attend.emitOpError("has K of ")
            << shape.k << " and V of " << shape.v
            << " columns; GPU kernels take multiples of 16";
        return WalkResult::interrupt();
      }
      auto schedule = choose(&getContext(), *arch, shape);
      if (!schedule) {
        attend.emitOpError("does not fit the shared memory of ")
            << chip << " (" << arch->maxSharedPerCTA << " bytes a block)";
        return WalkResult::interrupt();
      }
      annotate(attend, *schedule);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  void annotate(AttendOp attend, tile::GPUScheduleAttr schedule) {
    attend->setAttr("tile.schedule", schedule);
    ++numMmaSync;
    std::string text;
    llvm::raw_string_ostream(text)
        << "mma_sync on " << chip << ": " << schedule.getRows()
        << " rows a CTA, " << schedule.getWarps() << " warps, tiles of "
        << schedule.getKvTile() << " tokens, " << schedule.getStages()
        << " stages, " << schedule.getCtasPerSm() << " CTAs an SM";
    remark::passed(attend.getLoc(),
                   remark::RemarkOpts::name("schedule").category("attn"))
        << text;
  }
};
} // namespace
