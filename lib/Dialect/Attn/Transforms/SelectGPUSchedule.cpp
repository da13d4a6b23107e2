//===- SelectGPUSchedule.cpp - Choose a GPU's schedules ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GPUDecompress.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Dialect/Attn/Transforms/ScoreRest.h"
#include "attn/Target/NVVMArch.h"
#include "attn/Target/SharedLayout.h"
#include "mlir/IR/Remarks.h"

#include <tuple>

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
  /// Columns of which a rest follows: of a query of latent rows, else of keys,
  /// of whose k it is a part.
  int64_t rest;

  Shape withoutRest() const {
    return {rows, latent ? k : k - rest, v, latent, /*rest=*/0};
  }
};

/// Registers of a thread: accumulator and scores, operands of the products, and
/// what ptxas was seen to take besides (test/Target/ptxas-table.txt).
int64_t registers(const Shape &s, int64_t rows, int64_t warps, int64_t tile) {
  int64_t threads = 32 * warps;
  int64_t operands = rows < 64 ? rows / 2 : 3 * rows / 4;
  return rows * (s.v + tile) / threads + operands + 72;
}

int residentCTAs(const NVVMArch &arch, const Shape &s, int64_t rows,
                 int64_t warps, int64_t tile, int sharedBytes) {
  return getOccupancy(arch, {static_cast<int>(32 * warps),
                             static_cast<int>(registers(s, rows, warps, tile)),
                             sharedBytes})
      .ctas;
}

/// A schedule and what speaks for it, in this order: bytes in flight, as far as
/// they help; two CTAs on an SM, so that one computes while the other waits;
/// two tiles under way, so that something is when one has come; large tiles, as
/// barriers, addresses and maxima cost the same for any.
struct Candidate {
  tile::GPUScheduleAttr schedule;
  int64_t inFlight = 0;

  auto merits() const {
    return std::tuple(std::min(inFlight, kEnoughBytesInFlight),
                      std::min<int64_t>(schedule.getCtasPerSm(), 2),
                      std::min<int64_t>(schedule.getStages(), 3),
                      schedule.getKvTile(), schedule.getCtasPerSm(), inFlight);
  }
};

/// The best tile and number of stages; nothing where none fits.
Candidate chooseTile(MLIRContext *ctx, const NVVMArch &arch, const Shape &s,
                     int64_t rows, int64_t warps) {
  // Tokens are dealt to the warps in groups of 8, and 16 make a step of the
  // second product.
  int64_t unit = warps % 2 ? 16 * warps : 8 * warps;
  Candidate best;
  for (int64_t tile = unit; tile <= std::min<int64_t>(32 * warps, 128);
       tile += unit) {
    if (tile % 16)
      continue;
    for (int64_t stages : {2, 3, 4}) {
      int64_t bytes =
          nvvm::DecodeSharedMemory({s.k, s.v, s.latent, rows, warps, tile,
                                    stages, /*up=*/{}, s.rest})
              .bytes;
      if (bytes > arch.maxSharedPerCTA)
        continue;
      int64_t ctas = std::min(
          4, residentCTAs(arch, s, rows, warps, tile, static_cast<int>(bytes)));
      Candidate candidate{
          tile::GPUScheduleAttr::get(ctx, tile::GPUForm::MmaSync, warps, rows,
                                     tile, stages, ctas),
          ctas * (stages - 1) * tile * 2 * (s.k + (s.latent ? 0 : s.v))};
      if (!best.schedule || candidate.merits() > best.merits())
        best = candidate;
    }
  }
  return best;
}

/// Of a number of warps, the best schedule; none where nothing fits.
std::optional<tile::GPUScheduleAttr>
choose(MLIRContext *ctx, const NVVMArch &arch, const Shape &s, int64_t warps) {
  Candidate best;
  // An accumulator of 32 rows x 512 columns takes 128 registers a thread of
  // four warps, which is as much as leaves room for the rest.
  int64_t mostRows =
      std::min<int64_t>(64, 32 * 512 / s.v / 16 * 16 * warps / 4);
  for (int64_t rows = 16; rows <= std::max<int64_t>(mostRows, 16); rows += 16) {
    // More rows than there are help nobody; fewer read K several times, mostly
    // from L2: worth half of the bytes in flight.
    if (rows >= s.rows + 16)
      break;
    Candidate found = chooseTile(ctx, arch, s, rows, warps);
    if (found.schedule &&
        2 * found.inFlight >= std::min(best.inFlight, kEnoughBytesInFlight))
      best = found;
  }
  if (!best.schedule)
    return std::nullopt;
  return best.schedule;
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

/// A projection's schedule and what speaks for it, in this order: bytes of the
/// weights in flight, as far as they help; whole lines of 128 bytes of their
/// rows; two CTAs on an SM; few passes of the weights through ldmatrix, so many
/// rows; many CTAs, so few columns.
struct ProjectionCandidate {
  tile::GPUProjectionScheduleAttr schedule;
  int64_t inFlight = 0;

  auto merits() const {
    return std::tuple(std::min(inFlight, kEnoughBytesInFlight),
                      std::min<int64_t>(schedule.getColumns(), 64),
                      std::min<int64_t>(schedule.getCtasPerSm(), 2),
                      schedule.getRows(), -schedule.getColumns());
  }
};

/// How to multiply by `[H, k, n]`; null where nothing fits. All of a CTA's
/// weights are on their way at once.
tile::GPUProjectionScheduleAttr chooseProjection(MLIRContext *ctx,
                                                 const NVVMArch &arch,
                                                 int64_t k, int64_t n,
                                                 bool wide) {
  ProjectionCandidate best;
  for (int64_t columns = 16; columns <= std::min<int64_t>(n, 128);
       columns += 16) {
    if (n % columns)
      continue;
    int64_t warps = columns / 16;
    for (int64_t rows = 16; rows <= nvvm::kMaxQueryRows; rows += 16) {
      int64_t bytes =
          nvvm::ProjectionSharedMemory(
              {k, columns, rows, wide, /*transposed=*/false, /*rowStages=*/0})
              .bytes;
      if (bytes > arch.maxSharedPerCTA)
        break;
      // Sums and operands; the rest as ptxas was seen to take.
      int64_t registers = rows / 16 * (wide ? 16 : 12) + 64;
      int64_t ctas =
          std::min(8, getOccupancy(arch, {static_cast<int>(32 * warps),
                                          static_cast<int>(registers),
                                          static_cast<int>(bytes)})
                          .ctas);
      ProjectionCandidate candidate{tile::GPUProjectionScheduleAttr::get(
                                        ctx, warps, rows, columns,
                                        /*stages=*/std::min<int64_t>(4, k / 16),
                                        ctas, /*row_stages=*/0,
                                        /*row_warps=*/1),
                                    ctas * k * columns * 2};
      if (!best.schedule || candidate.merits() > best.merits())
        best = candidate;
    }
  }
  return best.schedule;
}

/// A schedule for latent rows and what speaks for it, in this order: many
/// columns, as a row comes from L2 once for each CTA's columns; eight warps on
/// an SM, two for each of its schedulers; little traffic of shared memory for a
/// product, which is a matter of how square a warp's part is; slices under way;
/// many rows, so few blocks of them.
struct LatentCandidate {
  tile::GPUProjectionScheduleAttr schedule;

  auto merits() const {
    int64_t rows = schedule.getRows() / schedule.getRowWarps();
    int64_t columns =
        schedule.getColumns() * schedule.getRowWarps() / schedule.getWarps();
    return std::tuple(
        schedule.getColumns(),
        std::min<int64_t>(schedule.getWarps() * schedule.getCtasPerSm(), 8),
        -(1000 * (rows + columns) / (rows * columns)),
        std::min<int64_t>(schedule.getRowStages(), 4), schedule.getRows(),
        -schedule.getRowStages());
  }
};

/// How to multiply latent rows by `[H, k, n]` or, transposed, `[H, n, k]`, and
/// to copy `tail` columns along; null where nothing fits.
tile::GPUProjectionScheduleAttr
chooseLatentProjection(MLIRContext *ctx, const NVVMArch &arch, int64_t k,
                       int64_t n, bool transposed, int64_t tail) {
  LatentCandidate best;
  int64_t maxStages = std::min<int64_t>(4, 1 + k / nvvm::sliceColumns(k));
  auto consider = [&](int64_t warps, int64_t rowWarps, int64_t rows,
                      int64_t columns, int64_t stages) {
    int64_t bytes = nvvm::ProjectionSharedMemory(
                        {k, columns, rows, /*wide=*/false, transposed, stages})
                        .bytes;
    int64_t threads = 32 * warps;
    // Sums, operands and the tail on its way; the rest as ptxas was seen to
    // take (test/Target/ptxas-table.txt).
    int64_t registers = rows * columns / threads + rows / rowWarps / 4 +
                        (rows * tail / 8 + threads - 1) / threads * 4 + 72;
    int64_t ctas = std::min(8, getOccupancy(arch, {static_cast<int>(threads),
                                                   static_cast<int>(registers),
                                                   static_cast<int>(bytes)})
                                   .ctas);
    if (ctas == 0)
      return;
    LatentCandidate candidate{tile::GPUProjectionScheduleAttr::get(
        ctx, warps, rows, columns, /*stages=*/1, ctas, stages, rowWarps)};
    if (!best.schedule || candidate.merits() > best.merits())
      best = candidate;
  };
  for (int64_t columns = 16; columns <= std::min<int64_t>(n, 128);
       columns += 16)
    for (int64_t warps : {1, 2, 4, 8})
      for (int64_t rowWarps = 1; rowWarps <= warps; rowWarps *= 2)
        for (int64_t perWarp : {16, 32, 64})
          for (int64_t stages = 2; stages <= maxStages; ++stages)
            if (n % columns == 0 && columns % (16 * warps / rowWarps) == 0 &&
                perWarp * rowWarps <= std::min<int64_t>(32 * warps, 128))
              consider(warps, rowWarps, perWarp * rowWarps, columns, stages);
  return best.schedule;
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
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (auto project = dyn_cast<ProjectOp>(op)) {
        auto input = cast<RankedTensorType>(project.getInput().getType());
        if (failed(selectProjections(
                project, *arch,
                {{project.getWeight(), input.getElementType().isF32()}})))
          return WalkResult::interrupt();
        return WalkResult::advance();
      }
      auto attend = dyn_cast<AttendOp>(op);
      KVCacheType cache = attend ? attend.getCacheType() : KVCacheType();
      if (!cache)
        return WalkResult::advance();
      if (attend.getForm() == Form::FusedDecompress) {
        if (failed(selectDecompress(attend, *arch)))
          return WalkResult::interrupt();
        return WalkResult::advance();
      }
      if (attend.hasUpProjections() && failed(selectProjections(attend, *arch)))
        return WalkResult::interrupt();
      if (attend->hasAttr("tile.schedule"))
        return WalkResult::advance();
      RankedTensorType query = attend.getQuery().getType();
      if (query.isDynamicDim(1)) {
        attend.emitOpError("needs static query tokens");
        return WalkResult::interrupt();
      }
      Shape shape{attend.getHeads().getGroup() * query.getDimSize(1),
                  cache.getKDim(), cache.getVDim(), cache.isLatent(),
                  getScoreRest(attend)};
      if (attend.getForm() == Form::Materialized) {
        LatentAttr latent = *attend.getLatent();
        shape.rows = query.getDimSize(1);
        shape.k = latent.getNope() + shape.rest + latent.getRope();
        shape.v = latent.getV();
        shape.latent = false;
      }
      if (shape.k % 16 || shape.v % 16) {
        attend.emitOpError("has K of ")
            << shape.k << " and V of " << shape.v
            << " columns; GPU kernels take multiples of 16";
        return WalkResult::interrupt();
      }
      auto schedule = choose(&getContext(), *arch, shape);
      if (!schedule) {
        attend.emitOpError("does not fit the shared memory of ")
            << chip << " (" << arch->maxSharedPerCTA << " bytes a block)"
            << wayOut(shape.rest &&
                      choose(&getContext(), *arch, shape.withoutRest()));
        return WalkResult::interrupt();
      }
      annotate(attend, *schedule);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  /// What to try where attention does not fit.
  static StringRef wayOut(bool fitsWithoutRest) {
    return fitsWithoutRest ? "; without what it keeps of rounding it does "
                             "(score-rest=never)"
                           : "";
  }

  /// For attention that decompresses in its kernel.
  LogicalResult selectDecompress(AttendOp attend, const NVVMArch &arch) {
    if (attend->hasAttr("tile.schedule"))
      return success();
    RankedTensorType query = attend.getQuery().getType();
    if (query.isDynamicDim(1) || query.isDynamicDim(2))
      return attend.emitOpError("needs static query tokens and heads");
    LatentAttr dims = *attend.getLatent();
    for (int64_t width :
         {dims.getRank(), dims.getRope(), dims.getNope(), dims.getV()})
      if (width % 16)
        return attend.emitOpError("decompresses rows of ")
               << dims.getRank() << " + " << dims.getRope() << " to "
               << dims.getNope() << " and " << dims.getV()
               << " columns; GPU kernels take multiples of 16";
    auto choose = [&](bool rest) {
      return chooseGPUDecompress(&getContext(), arch, dims,
                                 attend.getUpTransposed(), query.getDimSize(1),
                                 rest);
    };
    bool rest = getScoreRest(attend) > 0;
    auto schedule = choose(rest);
    if (!schedule)
      return attend.emitOpError("decompresses in its kernel, which does not "
                                "fit the shared memory of ")
             << chip << " (" << arch.maxSharedPerCTA
             << " bytes a block) or a thread's registers"
             << wayOut(rest && choose(false));
    attend->setAttr(tile::GPUUpScheduleAttr::name, schedule->up);
    annotate(attend, schedule->kernel);
    return success();
  }

  /// A product with weights `[H, K, N]`, or transposed `[H, N, K]`.
  struct Product {
    Value weight;
    bool wide = false;
    bool transposed = false;
    std::optional<int64_t> latentTail = std::nullopt; ///< of latent rows
  };

  /// The products of an attention that brings its up-projections.
  LogicalResult selectProjections(AttendOp attend, const NVVMArch &arch) {
    Value upK = attend.getUpK(), upV = attend.getUpV();
    switch (*attend.getForm()) {
    case Form::Absorbed:
      return selectProjections(attend, arch,
                               {{upK, /*wide=*/false}, {upV, /*wide=*/true}});
    case Form::Materialized: {
      int64_t rope = attend.getLatent()->getRope();
      return selectProjections(
          attend, arch,
          {{upK, /*wide=*/false, attend.getUpTransposed(), rope},
           {upV, /*wide=*/false, /*transposed=*/false, /*latentTail=*/0}});
    }
    case Form::FusedDecompress:
      break;
    }
    llvm_unreachable("has no projections of its own");
  }

  LogicalResult selectProjections(Operation *op, const NVVMArch &arch,
                                  ArrayRef<Product> products) {
    if (op->hasAttr(tile::kGPUProjectionSchedulesName))
      return success();
    SmallVector<Attribute> schedules;
    for (const Product &product : products) {
      auto type = cast<RankedTensorType>(product.weight.getType());
      int64_t k = type.getDimSize(1), n = type.getDimSize(2);
      if (product.transposed)
        std::swap(k, n);
      if (!type.hasStaticShape() || k % 16 || n % 16)
        return op->emitOpError("multiplies by weights of ")
               << type
               << "; GPU kernels take extents that are known, the "
                  "last two multiples of 16";
      auto schedule =
          product.latentTail
              ? chooseLatentProjection(&getContext(), arch, k, n,
                                       product.transposed, *product.latentTail)
              : chooseProjection(&getContext(), arch, k, n, product.wide);
      if (!schedule)
        return op->emitOpError("multiplies by weights of ")
               << type << ", of which 16 columns do not fit the shared memory "
               << "of " << chip << " (" << arch.maxSharedPerCTA
               << " bytes a block) beside 16 rows";
      schedules.push_back(schedule);
      ++numProjections;
    }
    op->setAttr(tile::kGPUProjectionSchedulesName,
                ArrayAttr::get(&getContext(), schedules));
    return success();
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
