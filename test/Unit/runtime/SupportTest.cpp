//===-- SupportTest.cpp - Selection and reasons ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeKernels.h"
#include "Select.h"

#include "gtest/gtest.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

using namespace attn::runtime;
using namespace attn::test;

namespace {

/// A library of given kernels, and params that fit the first.
class Support : public testing::Test {
protected:
  void TearDown() override { attn_library_close(lib); }

  void open(std::vector<attn_kernel_desc> descs) {
    kernels = std::move(descs);
    table = {ATTN_KERNEL_ABI_VERSION,
             uint32_t(kernels.size()),
             kernels.data(),
             nullptr,
             0,
             0};
    ASSERT_EQ(attn_library_from_table(&table, &lib), ATTN_OK);
    params = factsOf(kernels.empty() ? fakeTable().kernels[0] : kernels[0]);
    params.max_batch = 1;
    params.max_seq_len = params.page_size = 64;
  }

  attn_status query() {
    reasons.assign(64, attn_reason{});
    size_t count = 0;
    attn_status status =
        attn_query_support(lib, &params, reasons.data(), 64, &count);
    reasons.resize(count);
    return status;
  }

  std::set<int32_t> codes() const {
    std::set<int32_t> result;
    for (const attn_reason &reason : reasons)
      result.insert(reason.code);
    return result;
  }

  static attn_kernel_desc kernel(FakeKernel index) {
    return fakeTable().kernels[index];
  }

  std::vector<attn_kernel_desc> kernels;
  attn_kernel_table table;
  attn_library *lib = nullptr;
  attn_decode_params params;
  std::vector<attn_reason> reasons;
};

TEST_F(Support, FittingKernelHasNoReasons) {
  open({kernel(GqaF32Row), kernel(CausalBf16Row)});
  EXPECT_EQ(query(), ATTN_OK);
  EXPECT_TRUE(reasons.empty());
  EXPECT_EQ(attn_query_support(lib, &params, nullptr, 0, nullptr), ATTN_OK);
}

TEST_F(Support, EveryFactHasItsReason) {
  struct Case {
    attn_reason_code code;
    std::function<void(attn_decode_params &)> change;
  };
  const Case cases[] = {
      {ATTN_REASON_NAME, [](auto &p) { p.kernel_name = "other"; }},
      {ATTN_REASON_DTYPE, [](auto &p) { p.dtype = ATTN_F16; }},
      {ATTN_REASON_LAYOUT, [](auto &p) { p.layout = ATTN_LAYOUT_OWN; }},
      {ATTN_REASON_Q_HEADS, [](auto &p) { p.q_heads *= 2; }},
      {ATTN_REASON_KV_HEADS, [](auto &p) { p.kv_heads /= 2; }},
      {ATTN_REASON_K_DIM, [](auto &p) { ++p.k_dim; }},
      {ATTN_REASON_V_DIM, [](auto &p) { ++p.v_dim; }},
      {ATTN_REASON_Q_LEN, [](auto &p) { ++p.q_len; }},
      {ATTN_REASON_CAUSAL, [](auto &p) { p.flags ^= ATTN_FLAG_CAUSAL; }},
      {ATTN_REASON_SINKS, [](auto &p) { p.flags ^= ATTN_FLAG_SINKS; }},
      {ATTN_REASON_V_IN_K, [](auto &p) { p.flags ^= ATTN_FLAG_V_IN_K; }},
      {ATTN_REASON_SCORE_MOD, [](auto &p) { p.flags ^= ATTN_FLAG_SCORE_MOD; }},
      {ATTN_REASON_WINDOW, [](auto &p) { ++p.window; }},
      {ATTN_REASON_SCALE, [](auto &p) { p.scale += 0.125f; }},
      {ATTN_REASON_SOFTCAP, [](auto &p) { ++p.softcap; }},
      {ATTN_REASON_ISA, [](auto &p) { p.isa = ATTN_ISA_AMX; }},
      {ATTN_REASON_DEVICE, [](auto &p) { p.device = ATTN_DEVICE_CUDA; }},
      {ATTN_REASON_OUT_F32, [](auto &p) { p.flags ^= ATTN_FLAG_OUT_F32; }},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.code);
    open({kernel(WindowF32Row)});
    c.change(params);
    EXPECT_EQ(query(), ATTN_ERROR_UNSUPPORTED);
    ASSERT_EQ(reasons.size(), 1u);
    EXPECT_EQ(reasons[0].code, c.code);
    EXPECT_EQ(reasons[0].kernel, 0);
    EXPECT_STRNE(reasons[0].text, "");
    // The message carries the reason for who does not ask for reasons.
    EXPECT_NE(std::string(attn_error_message()).find(reasons[0].text),
              std::string::npos);
    attn_library_close(lib);
    lib = nullptr;
  }
}

TEST_F(Support, EveryReasonHasItsName) {
  for (int code = ATTN_REASON_NO_KERNELS; code <= ATTN_REASON_REST; ++code)
    EXPECT_EQ(std::string(attn_reason_name(code)).find("ATTN_REASON_"), 0u);
  EXPECT_STREQ(attn_reason_name(ATTN_REASON_ISA), "ATTN_REASON_ISA");
  EXPECT_STREQ(attn_reason_name(ATTN_REASON_REST + 1),
               "unknown attn_reason_code");
}

TEST_F(Support, PageSizeAndCpuHaveTheirStatus) {
  attn_kernel_desc desc = kernel(GqaF32Row);
  desc.page_multiple = 48;
  open({desc});
  EXPECT_EQ(query(), ATTN_ERROR_PAGE_SIZE);
  EXPECT_EQ(codes(), std::set<int32_t>{ATTN_REASON_PAGE_SIZE});
  attn_library_close(lib);

  desc.page_multiple = 1;
  desc.isa = 1000; // of a future pack
  open({desc});
  EXPECT_EQ(query(), ATTN_ERROR_CPU_FEATURE);
  EXPECT_EQ(codes(), std::set<int32_t>{ATTN_REASON_CPU_FEATURE});
}

TEST_F(Support, ListsAllThatTheNearestKernelsMiss) {
  open({kernel(GqaF32Row), kernel(WindowF32Row), kernel(GqaF32Row)});
  params.scale = 2;
  params.softcap = 1;
  EXPECT_EQ(query(), ATTN_ERROR_UNSUPPORTED);
  ASSERT_EQ(reasons.size(), 4u);
  EXPECT_EQ(reasons[0].kernel, 0);
  EXPECT_EQ(reasons[3].kernel, 2);
  EXPECT_EQ(codes(),
            (std::set<int32_t>{ATTN_REASON_SCALE, ATTN_REASON_SOFTCAP}));
  // A short buffer is filled, and the count is whole.
  attn_reason two[2] = {};
  size_t count = 0;
  EXPECT_EQ(attn_query_support(lib, &params, two, 1, &count),
            ATTN_ERROR_UNSUPPORTED);
  EXPECT_EQ(count, 4u);
  EXPECT_STRNE(two[0].text, "");
  EXPECT_STREQ(two[1].text, "");
}

TEST_F(Support, EmptyLibraryHasItsReason) {
  open({});
  EXPECT_EQ(query(), ATTN_ERROR_UNSUPPORTED);
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_EQ(reasons[0].code, ATTN_REASON_NO_KERNELS);
  EXPECT_EQ(reasons[0].kernel, -1);
}

TEST_F(Support, OneQueryIsCausalEitherWay) {
  open({kernel(GqaF32Row)});
  params.flags ^= ATTN_FLAG_CAUSAL;
  EXPECT_EQ(query(), ATTN_OK);
}

TEST_F(Support, EmulatedKernelsMustBeAllowed) {
  attn_kernel_desc emulated = kernel(GqaF32Row);
  emulated.flags |= ATTN_KERNEL_EMULATED;
  open({emulated, kernel(GqaF32Row)});
  params.flags = ATTN_FLAG_ALLOW_EMULATED;
  uint32_t index = 9;
  EXPECT_EQ(attn_select_kernel(lib, &params, &index), ATTN_OK);
  EXPECT_EQ(index, 1u);
  attn_library_close(lib);
  open({emulated});
  params.flags = ATTN_FLAG_ALLOW_EMULATED;
  EXPECT_EQ(attn_select_kernel(lib, &params, &index), ATTN_OK);
  EXPECT_EQ(index, 0u);
  params.flags = 0;
  EXPECT_EQ(query(), ATTN_ERROR_UNSUPPORTED);
  EXPECT_EQ(codes(), std::set<int32_t>{ATTN_REASON_EMULATED});
}

// What attn.merge compiles to: there is no kernel, only a combine function.
TEST_F(Support, MergeOnlyKernelsDoNotDecode) {
  attn_kernel_desc merge = kernel(GqaF32Row);
  merge.kernel = nullptr;
  open({merge});
  EXPECT_EQ(query(), ATTN_ERROR_UNSUPPORTED);
  EXPECT_EQ(codes(), std::set<int32_t>{ATTN_REASON_MERGE_ONLY});
  attn_library_close(lib);
  open({merge, kernel(GqaF32Row)});
  uint32_t index = 9;
  EXPECT_EQ(attn_select_kernel(lib, &params, &index), ATTN_OK);
  EXPECT_EQ(index, 1u);
}

TEST_F(Support, PicksTheHighestLevelOfTheHost) {
  std::vector<attn_kernel_desc> descs;
  for (int32_t isa : {int32_t(ATTN_ISA_AVX512), int32_t(ATTN_ISA_AMX),
                      int32_t(ATTN_ISA_AVX2), int32_t(ATTN_ISA_AMX)}) {
    descs.push_back(kernel(GqaF32Row));
    descs.back().isa = isa;
  }
  open(descs);
  const attn_kernel_desc *best;
  auto indexOn = [&](int32_t host) {
    return selectKernel(table, params, host, best) ? -1
                                                   : int(best - kernels.data());
  };
  EXPECT_EQ(indexOn(ATTN_ISA_AMX), 1); // the first of two equals
  EXPECT_EQ(indexOn(ATTN_ISA_AVX512BF16), 0);
  EXPECT_EQ(indexOn(ATTN_ISA_AVX512), 0);
  EXPECT_EQ(indexOn(ATTN_ISA_AVX2), 2);
  EXPECT_EQ(indexOn(ATTN_ISA_NONE), -1);
  params.isa = ATTN_ISA_AVX2;
  EXPECT_EQ(indexOn(ATTN_ISA_AMX), 2);
  params.isa = ATTN_ISA_AMX;
  EXPECT_EQ(selectKernel(table, params, ATTN_ISA_AVX2, best),
            ATTN_ERROR_CPU_FEATURE);
}

} // namespace
