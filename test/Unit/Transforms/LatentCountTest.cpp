//===- LatentCountTest.cpp - The cost model against the tile programs -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FLOPs and bytes of each form of latent attention, counted from the kernels
// that it is lowered to, equal those of cost::latentCost.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "attn/Conversion/AttnToTile/AttnToTile.h"
#include "attn/Cost/Latent.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace attn;
using cost::LatentForm;
using cost::LatentShape;

namespace {

struct Count {
  double coreFlops = 0, projectionFlops = 0, kvBytes = 0, weightBytes = 0;
};

std::string irOf(const LatentShape &s, LatentForm form) {
  bool absorbed = form == LatentForm::Absorbed;
  std::string query = llvm::formatv("tensor<1x{0}x{1}x{2}xbf16>", s.qLen,
                                    s.heads, s.nope + s.rope);
  std::string up =
      llvm::formatv("tensor<{0}x{1}x{2}xbf16>", s.heads,
                    absorbed ? s.nope : s.rank, absorbed ? s.rank : s.nope);
  std::string down =
      llvm::formatv("tensor<{0}x{1}x{2}xbf16>", s.heads, s.rank, s.v);
  std::string output =
      llvm::formatv("tensor<1x{0}x{1}x{2}xbf16>", s.qLen, s.heads, s.v);
  return llvm::formatv(
      "!cache = !attn.kv_cache<heads = {11}, parts = [latent : {0}, rope : "
      "{1}], "
      "bf16, page = 64>\n"
      "func.func @mla(%q: {5}, %c: !cache, %uk: {6}, %uv: {7}) -> {8} {{\n"
      "  %o = attn.attend %q, %c up(%uk, %uv) {{form = #attn.form<{9}>, heads "
      "= "
      "#attn.heads<q = {4}, kv = {11}>, latent = #attn.latent<rank = {0}, rope "
      "= "
      "{1}, nope = {2}, v = {3}, groups = {11}>, scale = 0.1 : "
      "f32{10}{12}} : "
      "({5}, !cache, {6}, "
      "{7}) -> {8}\n  return %o : {8}\n}",
      s.rank, s.rope, s.nope, s.v, s.heads, query, up, down, output,
      absorbed                           ? "absorbed"
      : form == LatentForm::Materialized ? "materialized"
                                         : "fused_decompress",
      absorbed ? ", up_transposed" : "", s.groups,
      s.scoreRest ? ", tile.score_rest = true" : "");
}

/// What the kernels of the module do for one sequence.
Count countKernels(mlir::ModuleOp module, const LatentShape &s,
                   LatentForm form) {
  bool absorbed = form == LatentForm::Absorbed;
  Count count;
  double context = double(s.context), rows = double(s.qLen);
  module.walk([&](tile::KernelOp kernel) {
    if (kernel.getCombine())
      return;
    // Of the heads that share a row, the first brings it from memory.
    double cacheHeads = double(kernel.getCache().getHeads());
    double heads =
        cacheHeads * (kernel.getUp() ? double(kernel.getGroup()) : 1);
    kernel.walk([&](tile::WeightOp weight) {
      tile::TileType matrix = weight.getType();
      count.weightBytes += heads * double(matrix.getRows()) *
                           double(matrix.getCols()) * double(s.elementBytes);
    });
    kernel.walk([&](tile::StreamOp stream) {
      auto columns = [&](unsigned i) {
        return mlir::cast<tile::TileType>(
            stream.getBody().getArgument(i).getType());
      };
      double tile = double(columns(0).getRows()), steps = context / tile;
      double elements = double(columns(0).getCols()) * tile;
      if (!kernel.getCache().getVInK())
        elements += double(columns(1).getCols()) * tile;
      count.kvBytes += cacheHeads * steps * elements * double(s.elementBytes);
      stream.walk([&](mlir::Operation *op) {
        if (auto product = mlir::dyn_cast<tile::DecompressOp>(op)) {
          tile::TileType w =
              mlir::cast<tile::TileType>(product.getWeight().getType());
          count.projectionFlops += heads * steps * 2 * tile *
                                   double(w.getRows()) * double(w.getCols());
        } else if (auto dot = mlir::dyn_cast<tile::DotOp>(op)) {
          tile::TileType q = dot.getQ().getType(), r = dot.getType();
          tile::TileType k = dot.getK().getType();
          count.coreFlops += heads * steps * 2 * double(r.getRows()) *
                             double(r.getCols()) *
                             double(std::max(q.getCols(), k.getCols()));
        } else if (auto dot = mlir::dyn_cast<tile::DotAccOp>(op)) {
          tile::TileType p = dot.getP().getType(), r = dot.getType();
          count.coreFlops += heads * steps * 2 * double(p.getRows()) *
                             double(p.getCols()) * double(r.getCols());
        }
      });
    });
  });
  module.walk([&](tile::ProjectionOp op) {
    double matrix =
        double(op.getHeads()) * double(op.getK()) * double(op.getN());
    double element = double(s.elementBytes);
    count.weightBytes += matrix * element;
    count.projectionFlops += 2 * matrix * (absorbed ? rows : context);
    if (!absorbed) // K and V of the tokens are written, to memory on a GPU.
      count.kvBytes += context * double(op.getHeads()) * double(op.getN()) *
                       element * (op.getRest() ? 2 : 1);
  });
  // The projections read each row of the cache once; the rotary part of K is
  // copied to every head.
  if (form == LatentForm::Materialized)
    count.kvBytes += context * double(s.elementBytes) *
                     double(s.groups * (s.rank + s.rope) + s.heads * s.rope);
  return count;
}

} // namespace

TEST(LatentCount, EqualsTheCostModel) {
  mlir::MLIRContext &context = test::context();
  const LatentShape shapes[] = {
      {16, 512, 64, 128, 128, 1, 4096},  // DeepSeek-V2-Lite
      {128, 512, 64, 128, 128, 2, 1024}, // DeepSeek-V3
      {40, 256, 32, 64, 64, 3, 2048},    // MiniCPM3
      {20, 512, 64, 192, 256, 5, 1024},  // GLM-4.7-Flash
      {128, 256, 64, 128, 128, 2, 1024, 2, /*groups=*/2},
      {128, 512, 64, 128, 128, 2, 1024, 2, 1, /*scoreRest=*/true},
      {128, 256, 64, 128, 128, 2, 1024, 2, /*groups=*/2, /*scoreRest=*/true},
  };
  for (const LatentShape &shape : shapes)
    for (LatentForm form : {LatentForm::Absorbed, LatentForm::Materialized,
                            LatentForm::FusedDecompress}) {
      SCOPED_TRACE(irOf(shape, form));
      auto module =
          mlir::parseSourceString<mlir::ModuleOp>(irOf(shape, form), &context);
      ASSERT_TRUE(module);
      mlir::PassManager manager(&context);
      manager.addPass(createAttnSelectCPUSchedule({"amx"}));
      manager.addPass(createConvertAttnToTile());
      ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
      Count counted = countKernels(*module, shape, form);
      cost::LatentCost cost = cost::latentCost(form, shape);
      EXPECT_EQ(counted.coreFlops, cost.coreFlops);
      EXPECT_EQ(counted.projectionFlops, cost.projectionFlops);
      EXPECT_EQ(counted.kvBytes, cost.kvBytes);
      EXPECT_EQ(counted.weightBytes, cost.weightBytes);
    }
}
