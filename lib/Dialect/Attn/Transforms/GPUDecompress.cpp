//===- GPUDecompress.cpp - Schedules that decompress on a GPU ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For S query tokens a head takes B = ceil(S / rows) CTAs, and each of them
// decompresses for itself. Per head and token of context they take
//
//   FLOPs     2 B (rank (nope + v) + rows (nope + rest + rope + v))
//   L2 bytes  2 B (rank (nope + v) / tile + rank + rope)
//
// as the matrices pass by once a tile; rest is nope where what rounding leaves
// of the keys is multiplied as well, else 0. For DeepSeek-V3 with 64 rows and
// tiles of 64 tokens that is 303 kFLOP and 5.2 KB: 58 FLOPs a byte.
//
//===----------------------------------------------------------------------===//

#include "GPUDecompress.h"
#include "attn/Target/SharedLayout.h"

#include <tuple>

using namespace mlir;
using namespace attn;

namespace {

/// FLOPs that a GPU has time for while a byte comes from L2: an H100's
/// mma.sync makes some 600 TFLOP/s and its L2 delivers some 5.5 TB/s, an A100's
/// 312 and 4. Assumed, not measured: no GPU has been at hand.
constexpr double kFlopsPerL2Byte = 100;
/// Bytes in flight that keep L2 busy: the latter's share of one SM of 132,
/// 42 bytes a ns, for 400 ns.
constexpr double kEnoughFromL2 = 16 << 10;
/// FLOPs of the same time as a byte out of shared memory: 128 bytes a clock and
/// SM, 30 TB/s for an H100.
constexpr double kFlopsPerSharedByte = 20;

struct Shape {
  int64_t rank, rope, nope, v, queries, rest;
  bool transposed;
};

struct Candidate {
  int64_t warps, rows, tile, depth, chunks, ctas;

  /// Registers of a thread: the accumulator, what is made of a tile or the
  /// scores, operands, maxima and sums, and what ptxas takes besides, most of
  /// it addresses of the many matrices in shared memory.
  int64_t registers(const Shape &s) const {
    int64_t threads = 32 * warps;
    int64_t groups = llvm::divideCeil(std::max(s.nope, s.v) / 16, warps);
    int64_t made = tile / 16 * groups * 8;
    return rows * s.v / threads + std::max(made, rows * tile / threads) +
           std::max(tile, rows) / 4 + rows / 2 + kOtherRegisters;
  }

  int64_t sharedBytes(const Shape &s) const {
    nvvm::DecodeShape shape = {s.rank + s.rope, s.rank, /*vInK=*/true, rows,
                               warps,           tile,   kStages};
    shape.up = {s.nope, s.v, s.transposed, depth, chunks};
    shape.rest = s.rest;
    return nvvm::DecodeSharedMemory(shape).bytes;
  }

  /// FLOPs' time, or that of bytes out of L2 or shared memory, of a head and
  /// token. A warp has the tensor cores of a quarter of an SM; with too few
  /// bytes in flight L2 is waited for. Every warp reads all rows of the tile,
  /// for K and for V, and its columns of the matrices.
  double cost(const Shape &s) const {
    auto blocks = double(llvm::divideCeil(s.queries, rows));
    auto perToken = double(s.rank * (s.nope + s.v));
    double flops = 2 * blocks *
                   (perToken + double(rows * (s.nope + s.rest + s.rope + s.v)));
    double bytes =
        2 * blocks * (perToken / double(tile) + double(s.rank + s.rope));
    double fromShared =
        2 * blocks * (perToken / double(tile) + double(2 * warps * s.rank));
    auto inFlight =
        double(ctas * (chunks - 1) * depth * 2 * std::min(s.nope, s.v));
    return std::max(
        {flops * std::max(1.0, 4.0 / double(ctas * warps)),
         bytes * kFlopsPerL2Byte * std::max(1.0, kEnoughFromL2 / inFlight),
         fromShared * kFlopsPerSharedByte});
  }

  /// What speaks for it, in this order: time; two CTAs on an SM, so that one
  /// multiplies while the other is at a barrier; few barriers.
  auto merits(const Shape &s) const {
    return std::tuple(-cost(s), std::min<int64_t>(ctas, 2), depth, -chunks);
  }

  /// A tile comes while chunks pass, so that one under way is enough.
  static constexpr int64_t kStages = 2;
  static constexpr int64_t kOtherRegisters = 107;
};
} // namespace

std::optional<GPUDecompressSchedule>
attn::chooseGPUDecompress(MLIRContext *ctx, const NVVMArch &arch,
                          LatentAttr dims, bool transposed, int64_t queries,
                          bool rest) {
  Shape s = {dims.getRank(), dims.getRope(), dims.getNope(),
             dims.getV(),    queries,        rest ? dims.getNope() : 0,
             transposed};
  std::optional<Candidate> best;
  auto consider = [&](Candidate c) {
    int64_t bytes = c.sharedBytes(s), registers = c.registers(s);
    if (bytes > arch.maxSharedPerCTA || registers > 255)
      return;
    c.ctas = std::min(4, getOccupancy(arch, {static_cast<int>(32 * c.warps),
                                             static_cast<int>(registers),
                                             static_cast<int>(bytes)})
                             .ctas);
    if (c.ctas > 0 && (!best || c.merits(s) > best->merits(s)))
      best = c;
  };
  // Of warps that do as well, four, or as near to four as can share V.
  for (int64_t warps : {4, 5, 3, 6, 7, 2, 8, 1}) {
    if (s.v % (16 * warps))
      continue;
    int64_t unit = warps % 2 ? 16 * warps : 8 * warps;
    for (int64_t rows = 16; rows <= nvvm::kMaxQueryRows && rows < queries + 16;
         rows += 16)
      for (int64_t tile = unit; tile <= std::min<int64_t>(32 * warps, 128);
           tile += unit)
        for (int64_t depth : {16, 32, 64})
          for (int64_t chunks : {2, 3, 4})
            if (s.rank % depth == 0 && chunks <= s.rank / depth + 1)
              consider({warps, rows, tile, depth, chunks, 0});
  }
  if (!best)
    return std::nullopt;
  return GPUDecompressSchedule{
      tile::GPUScheduleAttr::get(ctx, tile::GPUForm::MmaSync, best->warps,
                                 best->rows, best->tile, Candidate::kStages,
                                 best->ctas),
      tile::GPUUpScheduleAttr::get(ctx, best->depth, best->chunks)};
}
