//===- SimtCacheTest.cpp - Appending and merging on a pretended GPU -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn_append and attn_merge with device = ATTN_DEVICE_CUDA, their kernels in
// the SIMT emulator, against the same calls on the CPU.
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "attn/Harness/SimtSession.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace attn;
using namespace attn::test;

namespace {

std::unique_ptr<harness::SimtSession> makeSession(const char *line) {
  Attention attention{Case(line)};
  return attention.createSimt();
}

/// Rows in memory whose every byte is known.
std::vector<uint16_t> randomHalves(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint16_t> values(count + 8);
  for (uint16_t &value : values)
    value = static_cast<uint16_t>(random() & 0x3fff);
  return values;
}

/// The first element that lies at a multiple of 16 bytes.
uint16_t *aligned(std::vector<uint16_t> &values) {
  auto address = reinterpret_cast<uintptr_t>(values.data());
  return values.data() + (-address % 16) / 2;
}

float toFloat(uint16_t bf16) {
  uint32_t bits = uint32_t(bf16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Appends to a cache of `heads` rows of `dim` a token, on both devices.
/// Latent rows have V in K, so that there is no other tensor.
void checkAppend(const char *line, int64_t heads, int64_t dim, bool latent) {
  auto session = makeSession(line);
  ASSERT_NE(session, nullptr);
  constexpr int64_t page = 5, blocks = 4, tokens = 9;
  const int64_t row = heads * dim, pool = blocks * page * row;
  std::vector<uint16_t> kSource = randomHalves(tokens * row, 1),
                        vSource = randomHalves(tokens * row, 2);
  // Every third slot or so; one token is skipped.
  const int64_t slots[tokens] = {0, 19, 4, 5, -1, 11, 7, 13, 2};
  std::vector<uint16_t> caches[4];
  for (auto &cache : caches)
    cache = std::vector<uint16_t>(pool + 8, 0x7fff);
  auto call = [&](int device, std::vector<uint16_t> &k,
                  std::vector<uint16_t> &v) {
    attn_append_params p = {};
    p.struct_size = sizeof p;
    p.dtype = session->kernel().dtype;
    p.layout = ATTN_LAYOUT_ROW;
    p.kv_heads = heads;
    p.k_dim = p.v_dim = dim;
    p.flags = latent ? uint32_t(ATTN_FLAG_V_IN_K) : 0;
    p.tokens = tokens;
    p.page_size = page;
    p.num_blocks = blocks;
    p.slot_mapping = slots;
    p.k_src = aligned(kSource);
    p.v_src = latent ? nullptr : aligned(vSource);
    p.k_src_stride_token = p.v_src_stride_token = row;
    p.k_src_stride_head = p.v_src_stride_head = dim;
    p.k = aligned(k);
    p.v = latent ? nullptr : aligned(v);
    p.k_stride_block = p.v_stride_block = page * row;
    p.k_stride_token = p.v_stride_token = row;
    p.k_stride_head = p.v_stride_head = dim;
    p.device = device;
    p.lib = session->getLibrary();
    return attn_append(&p);
  };
  ASSERT_EQ(call(ATTN_DEVICE_CPU, caches[0], caches[1]), ATTN_OK);
  auto memory = std::make_unique<simt::Memory>();
  memory->add(aligned(kSource), tokens * row * 2, "k_src",
              simt::Memory::ReadOnly);
  if (!latent) {
    memory->add(aligned(vSource), tokens * row * 2, "v_src",
                simt::Memory::ReadOnly);
    memory->add(aligned(caches[3]), pool * 2, "v");
  }
  memory->add(slots, sizeof slots, "slots", simt::Memory::ReadOnly);
  memory->add(aligned(caches[2]), pool * 2, "k");
  session->useMemory(std::move(memory));
  EXPECT_EQ(llvm::toString(session->run(
                [&] { return call(ATTN_DEVICE_CUDA, caches[2], caches[3]); })),
            "");
  for (int i : {0, 1})
    EXPECT_EQ(std::memcmp(aligned(caches[i]), aligned(caches[i + 2]), pool * 2),
              0);
  // Something was written, and nothing to the tensor that is not there.
  const std::vector<uint16_t> untouched(pool + 8, 0x7fff);
  EXPECT_NE(caches[2], untouched);
  EXPECT_EQ(caches[3] == untouched, latent);
}
} // namespace

TEST(SimtAppend, WritesWhatTheCPUWrites) {
  checkAppend("gqa:12/3/80 bf16", 3, 80, false);
}

TEST(SimtAppend, WritesLatentRowsOnce) {
  checkAppend("mla:8/256+64 f16", 1, 320, true);
  checkAppend("gla:8/2/128+64 f16", 2, 192, true);
}

TEST(SimtAppend, RefusesWhatItHasNoKernelFor) {
  auto session = makeSession("gqa:4/2/64 bf16");
  ASSERT_NE(session, nullptr);
  attn_append_params p = {};
  p.struct_size = sizeof p;
  p.dtype = ATTN_BF16;
  p.layout = ATTN_LAYOUT_ROW;
  p.kv_heads = 2;
  p.k_dim = p.v_dim = 80;
  p.tokens = p.page_size = p.num_blocks = 1;
  alignas(16) uint16_t rows[4][160] = {};
  int64_t slot = 0;
  p.slot_mapping = &slot;
  p.k_src = rows[0];
  p.v_src = rows[1];
  p.k = rows[2];
  p.v = rows[3];
  p.k_src_stride_token = p.v_src_stride_token = 160;
  p.k_src_stride_head = p.v_src_stride_head = 80;
  p.k_stride_block = p.v_stride_block = 160;
  p.k_stride_token = p.v_stride_token = 160;
  p.k_stride_head = p.v_stride_head = 80;
  p.device = ATTN_DEVICE_CUDA;
  EXPECT_EQ(attn_append(&p), ATTN_ERROR_NULL_POINTER);
  p.lib = session->getLibrary();
  EXPECT_EQ(attn_append(&p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(attn_error_message()).find("k_dim 80"),
            std::string::npos);
  p.k_dim = p.v_dim = 64;
  p.k_stride_head = 84; // 168 bytes
  p.k_stride_token = p.k_stride_block = 168;
  EXPECT_EQ(attn_append(&p), ATTN_ERROR_MISALIGNED);
}

TEST(SimtMerge, AgreesWithTheCPU) {
  const char *line = "gqa:10/2/80 bf16 q=2 sinks";
  auto session = makeSession(line);
  ASSERT_NE(session, nullptr);
  Attention attention{Case(line)};
  attn_library *cpu = attention.compile(CPULevel::AVX2);
  ASSERT_NE(cpu, nullptr);
  constexpr int64_t parts = 11, batch = 3, q = 2, heads = 10, dim = 80;
  constexpr int64_t rows = batch * q * heads;
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> partial(parts * rows * dim), partialLse(parts * rows),
      sinks(heads);
  for (float &x : partial)
    x = normal(random);
  for (float &x : partialLse)
    x = 3 * normal(random);
  for (float &x : sinks)
    x = normal(random);
  // Parts that saw nothing of a row, and a row that nobody saw anything of.
  for (int64_t part = 0; part < parts; ++part)
    for (int64_t r = 0; r < rows; ++r)
      if (r == 5 || (r + part) % 4 == 0) {
        partialLse[part * rows + r] = -INFINITY;
        std::fill_n(&partial[(part * rows + r) * dim], dim, NAN);
      }
  struct Result {
    std::vector<uint16_t> out = std::vector<uint16_t>(rows * dim, 0x7fff);
    std::vector<float> lse = std::vector<float>(rows, NAN);
  } results[2];
  std::vector<char> scratch(1 << 20);
  auto call = [&](attn_library *library, int device, Result &result) {
    attn_merge_params p = {};
    p.struct_size = sizeof p;
    p.flags = ATTN_FLAG_SINKS;
    p.dtype = ATTN_BF16;
    p.isa = ATTN_ISA_AUTO;
    p.q_heads = heads;
    p.kv_heads = 2;
    p.v_dim = dim;
    p.q_len = q;
    p.batch = batch;
    p.parts = parts;
    p.partial_out = partial.data();
    p.partial_lse = partialLse.data();
    p.sinks = sinks.data();
    p.out = result.out.data();
    p.out_stride_batch = q * heads * dim;
    p.out_stride_token = heads * dim;
    p.out_stride_head = dim;
    p.lse = result.lse.data();
    p.lse_stride_batch = q * heads;
    p.lse_stride_token = heads;
    p.lse_stride_head = 1;
    p.device = device;
    auto address = reinterpret_cast<uintptr_t>(scratch.data());
    p.workspace = scratch.data() + (-address % 64);
    p.workspace_bytes = scratch.size() - 64;
    return attn_merge(library, &p);
  };
  ASSERT_EQ(call(cpu, ATTN_DEVICE_CPU, results[0]), ATTN_OK)
      << attn_error_message();
  auto memory = std::make_unique<simt::Memory>();
  memory->add(partial.data(), partial.size() * 4, "partial_out",
              simt::Memory::ReadOnly);
  memory->add(partialLse.data(), partialLse.size() * 4, "partial_lse",
              simt::Memory::ReadOnly);
  memory->add(sinks.data(), sinks.size() * 4, "sinks", simt::Memory::ReadOnly);
  memory->add(results[1].out.data(), rows * dim * 2, "out");
  memory->add(results[1].lse.data(), rows * 4, "lse");
  session->useMemory(std::move(memory));
  ASSERT_EQ(llvm::toString(session->run([&] {
              return call(session->getLibrary(), ATTN_DEVICE_CUDA, results[1]);
            })),
            "");
  for (int64_t r = 0; r < rows; ++r) {
    float lse[2] = {results[0].lse[r], results[1].lse[r]};
    if (r == 5)
      EXPECT_EQ(lse[1], -INFINITY);
    else
      EXPECT_NEAR(lse[0], lse[1], 2e-5) << "row " << r;
    for (int64_t d = 0; d < dim; ++d) {
      float out[2] = {toFloat(results[0].out[r * dim + d]),
                      toFloat(results[1].out[r * dim + d])};
      // One unit in the last place of bf16, where rounding fell otherwise.
      EXPECT_NEAR(out[0], out[1], std::abs(out[0]) / 128 + 1e-6)
          << "row " << r << ", column " << d;
    }
  }
}
