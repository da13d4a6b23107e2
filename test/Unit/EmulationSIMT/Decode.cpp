//===- Decode.cpp - Generated decode kernels in the emulator --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decode.h"

#include "attn/Conversion/TileToNVVM/TileToNVVM.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Register.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace attn;
using namespace attn::test;

static float fromBF16(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

GeneratedDecode DecodeProblem::generate(const std::string &chip) const {
  auto number = [](int64_t value) { return std::to_string(value); };
  std::string query =
      "tensor<?x1x" + number(qHeads) + "x" + number(dim) + "xbf16>";
  std::string cache = "!attn.kv_cache<heads = " + number(kvHeads) +
                      ", parts = [k : " + number(dim) + ", v : " + number(dim) +
                      "], bf16, page = " + number(page) + ">";
  std::string source =
      "func.func @decode(%q: " + query + ", %c: " + cache + ") -> " + query +
      " {\n  %o = attn.attend %q, %c {heads = "
      "#attn.heads<q = " +
      number(qHeads) + ", kv = " + number(kvHeads) +
      ">, scale = 0.125 : f32, tile.schedule = " + schedule + "} : (" + query +
      ", " + cache + ") -> " + query + "\n  return %o : " + query + "\n}\n";
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
  GPUPipelineOptions options;
  options.chip = chip;
  mlir::PassManager pm(&context);
  buildGPUPipeline(pm, options);
  if (!module || mlir::failed(pm.run(*module))) {
    ADD_FAILURE() << "no kernels from\n" << source;
    return {};
  }
  GeneratedDecode result;
  auto function = module->lookupSymbol<mlir::LLVM::LLVMFuncOp>("decode");
  auto facts =
      function->getAttrOfType<mlir::DictionaryAttr>(kGPUKernelAttrName);
  auto fact = [&](llvm::StringRef name) {
    return facts.getAs<mlir::IntegerAttr>(name).getInt();
  };
  result.threads = fact("threads");
  result.sharedBytes = fact("shared_bytes");
  result.rowBlocks = fact("row_blocks");
  result.tile = fact("kv_tile");
  result.planThreads = fact("plan_threads");
  result.combineThreads = fact("combine_threads");
  result.combineBlocks = fact("combine_blocks");
  llvm::raw_string_ostream(result.source) << *module;
  return result;
}

void DecodeProblem::fill(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  auto draw = [&] {
    float value = normal(random);
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return static_cast<uint16_t>(bits >> 16);
  };
  auto batch = int64_t(lengths.size());
  query.resize(batch * qHeads * dim);
  std::generate(query.begin(), query.end(), draw);
  maxBlocks = 1;
  for (int32_t length : lengths)
    maxBlocks = std::max(maxBlocks, (length + page - 1) / page);
  // Every request has its blocks anywhere in the cache, but for the first one,
  // which is nobody's; unused entries of the table are no blocks.
  int64_t count = 0;
  blocks.assign(batch * maxBlocks, 0x7FFFFFFF);
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t j = 0; j * page < lengths[i]; ++j)
      blocks[i * maxBlocks + j] = static_cast<int32_t>(count++);
  std::vector<int32_t> places(count++);
  std::iota(places.begin(), places.end(), 1);
  std::shuffle(places.begin(), places.end(), random);
  for (int32_t &block : blocks)
    if (block != 0x7FFFFFFF)
      block = places[block];
  keys.assign(count * blockElements(), 0x7FC0);
  values = keys;
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t token = 0; token < lengths[i]; ++token) {
      int64_t at = blocks[i * maxBlocks + token / page] * blockElements() +
                   token % page * kvHeads * dim;
      std::generate_n(keys.begin() + at, kvHeads * dim, draw);
      std::generate_n(values.begin() + at, kvHeads * dim, draw);
    }
}

simt::Report DecodeProblem::run(Kernels &kernels,
                                const GeneratedDecode &generated,
                                simt::LaunchConfig config) {
  auto batch = int64_t(lengths.size());
  output.assign(query.size(), 0x7FC0);
  int64_t maxTiles = (maxBlocks * page + generated.tile - 1) / generated.tile;
  int64_t slots = attn_gpu_slots(batch, parts, maxTiles, /*split_tiles=*/0);
  std::vector<float> partialOut(slots * qHeads * dim),
      partialLse(slots * qHeads);
  std::vector<float> lse(batch * qHeads);
  std::vector<int32_t> plan(attn_gpu_plan_elements(batch, parts));

  attn_gpu_args args = {};
  args.tensors.q = query.data();
  args.tensors.q_stride_batch = qHeads * dim;
  args.tensors.q_stride_token = qHeads * dim;
  args.tensors.q_stride_head = dim;
  args.tensors.k = keys.data();
  args.tensors.v = values.data();
  args.tensors.k_stride_block = args.tensors.v_stride_block = blockElements();
  args.tensors.k_stride_token = args.tensors.v_stride_token = kvHeads * dim;
  args.tensors.k_stride_head = args.tensors.v_stride_head = dim;
  args.tensors.page_size = page;
  args.tensors.out = output.data();
  args.tensors.out_stride_batch = qHeads * dim;
  args.tensors.out_stride_token = qHeads * dim;
  args.tensors.out_stride_head = dim;
  args.tensors.lse = lse.data();
  args.tensors.lse_stride_batch = qHeads;
  args.tensors.lse_stride_token = qHeads;
  args.tensors.lse_stride_head = 1;
  args.tensors.partial_out = partialOut.data();
  args.tensors.partial_lse = partialLse.data();
  args.seq_lens = lengths.data();
  args.block_table = blocks.data();
  args.block_table_stride = maxBlocks;
  args.index_words = 1;
  args.plan = plan.data();
  args.batch = args.max_batch = batch;
  args.parts = parts;

  simt::Memory memory;
  auto input = [&](const auto &data, const char *name) {
    memory.add(data.data(), data.size() * sizeof(data[0]), name,
               simt::Memory::ReadOnly);
  };
  auto result = [&](const auto &data, const char *name) {
    memory.add(data.data(), data.size() * sizeof(data[0]), name,
               simt::Memory::ReadWrite, /*initialized=*/false);
  };
  input(query, "q");
  input(keys, "k");
  input(values, "v");
  input(lengths, "seq_lens");
  input(blocks, "block_table");
  result(output, "out");
  result(lse, "lse");
  result(partialOut, "partial_out");
  result(partialLse, "partial_lse");
  result(plan, "plan");

  simt::Report all;
  all.seed = config.seed;
  auto launch = [&](const char *name, simt::Dim3 grid, int64_t threads,
                    int64_t shared) {
    config.grid = grid;
    config.block = {static_cast<uint32_t>(threads)};
    config.dynamicSharedBytes = static_cast<uint32_t>(shared);
    simt::Report report = kernels.run(name, config, memory, args);
    all.findings.insert(all.findings.end(), report.findings.begin(),
                        report.findings.end());
  };
  auto size = [](int64_t value) { return static_cast<uint32_t>(value); };
  launch("decode_plan", {}, generated.planThreads, 0);
  if (!all.ok())
    return all;
  launch("decode", {size(parts), size(kvHeads), size(generated.rowBlocks)},
         generated.threads, generated.sharedBytes);
  launch("decode_combine", {size(batch), size(generated.combineBlocks)},
         generated.combineThreads, 0);
  return all;
}

double DecodeProblem::maxError() const {
  double worst = 0;
  for (size_t request = 0; request < lengths.size(); ++request)
    for (int64_t head = 0; head < qHeads; ++head) {
      int64_t row = (int64_t(request) * qHeads + head) * dim;
      int64_t kvHead = head / (qHeads / kvHeads);
      std::vector<double> sum(dim);
      double weights = 0;
      auto cell = [&](int64_t token) {
        return blocks[request * maxBlocks + token / page] * blockElements() +
               (token % page * kvHeads + kvHead) * dim;
      };
      for (int64_t token = 0; token < lengths[request]; ++token) {
        double score = 0;
        for (int64_t i = 0; i < dim; ++i)
          score += double(fromBF16(query[row + i])) *
                   fromBF16(keys[cell(token) + i]);
        double weight = std::exp(score * 0.125);
        weights += weight;
        for (int64_t i = 0; i < dim; ++i)
          sum[i] += weight * fromBF16(values[cell(token) + i]);
      }
      for (int64_t i = 0; i < dim; ++i) {
        double expected = weights > 0 ? sum[i] / weights : 0;
        double error = std::fabs(fromBF16(output[row + i]) - expected);
        worst = error >= 0 ? std::max(worst, error) : INFINITY;
      }
    }
  return worst;
}
