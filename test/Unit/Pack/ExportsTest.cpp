//===- ExportsTest.cpp - What a pack's exports refuse ---------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The exports as TVM-FFI calls them, over a table without kernels: what comes
// before the ABI's own checks. python/tests calls those of a pack.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "gtest/gtest.h"

#include <string>
#include <vector>

using namespace attn::tvmffi;

extern "C" {
int __tvm_ffi_decode(void *, const Any *args, int32_t count, Any *result);
int __tvm_ffi_merge(void *, const Any *args, int32_t count, Any *result);
int __tvm_ffi_append(void *, const Any *args, int32_t count, Any *result);

const attn_kernel_table *attn_pack_table(void) {
  static const attn_kernel_table table = {
      ATTN_KERNEL_ABI_VERSION, 0, nullptr, nullptr, 0, 0};
  return &table;
}
}

static std::string raised;

// NOLINTNEXTLINE(readability-identifier-naming): theirs
extern "C" void TVMFFIErrorSetRaisedFromCStr(const char *kind,
                                             const char *message) {
  raised = std::string(kind) + ": " + message;
}

namespace {

constexpr int64_t kHuge = (int64_t(1) << 32) + 4; // 4, once it is narrowed

/// A tensor of one element, repeated along every dimension.
struct Broadcast {
  Broadcast(std::vector<int64_t> extents, uint8_t code, uint8_t bits)
      : shape(std::move(extents)), strides(shape.size(), 0) {
    strides.back() = 1;
    tensor = {&element,       1,    0, int32_t(shape.size()),
              code,           bits, 1, shape.data(),
              strides.data(), 0};
  }
  Any any() {
    Any any = {kDLTensor, 0, {0}};
    any.pointer = &tensor;
    return any;
  }
  std::vector<int64_t> shape, strides;
  int64_t element = 0;
  DLTensor tensor;
};

Any integer(int64_t value) { return {kInt, 0, {value}}; }
const Any kNoneAny = {kNone, 0, {0}};

/// What decode raises for tensors of these shapes, each f32.
std::string decode(std::vector<int64_t> q, std::vector<int64_t> k,
                   std::vector<int64_t> out) {
  Broadcast query(std::move(q), 2, 32), keys(std::move(k), 2, 32),
      output(std::move(out), 2, 32), lens({1}, 0, 32);
  const Any args[16] = {query.any(), keys.any(),   kNoneAny,   kNoneAny,
                        lens.any(),  output.any(), kNoneAny,   kNoneAny,
                        integer(1),  integer(0),   integer(0), kNoneAny,
                        integer(1),  integer(16),  integer(0), kNoneAny};
  Any result = kNoneAny;
  raised.clear();
  EXPECT_EQ(__tvm_ffi_decode(nullptr, args, 16, &result), -1);
  return raised;
}

} // namespace

TEST(Exports, ShapesPast32BitsAreRefused) {
  const std::string huge = ": 4294967300 is not in [0, 2^31 - 1]";
  EXPECT_EQ(decode({1, kHuge, 4, 8}, {1, 16, 4, 8}, {1, kHuge, 4, 8}),
            "ValueError: the query tokens of q" + huge);
  EXPECT_EQ(decode({1, 1, kHuge, 8}, {1, 16, 4, 8}, {1, 1, kHuge, 8}),
            "ValueError: the heads of q" + huge);
  EXPECT_EQ(decode({1, 1, 4, kHuge}, {1, 16, 4, kHuge}, {1, 1, 4, 8}),
            "ValueError: the width of q" + huge);
  EXPECT_EQ(decode({1, 1, 4, 8}, {1, 16, kHuge, 8}, {1, 1, 4, 8}),
            "ValueError: the heads of k" + huge);
  EXPECT_EQ(decode({1, 1, 4, 8}, {1, 16, 4, 8}, {1, 1, 4, kHuge}),
            "ValueError: the width of out" + huge);
  // Past that, the table has no kernel.
  EXPECT_NE(
      decode({1, 1, 4, 8}, {1, 16, 4, 8}, {1, 1, 4, 8}).find("no kernel fits"),
      std::string::npos)
      << raised;
}

TEST(Exports, MergeAndAppendRefuseThemToo) {
  Broadcast parts({2, 1, 1, kHuge, 8}, 2, 32), lse({2, 1, 1, kHuge}, 2, 32),
      out({1, 1, kHuge, 8}, 2, 32);
  // Dense, as merge asks for.
  parts.tensor.strides = lse.tensor.strides = nullptr;
  Any merge[8] = {parts.any(), lse.any(),  out.any(), kNoneAny,
                  kNoneAny,    integer(1), kNoneAny,  kNoneAny};
  Any result = kNoneAny;
  EXPECT_EQ(__tvm_ffi_merge(nullptr, merge, 8, &result), -1);
  EXPECT_EQ(raised, "ValueError: the heads of out: 4294967300 is not in [0, "
                    "2^31 - 1]");
  merge[5] = integer(kHuge);
  EXPECT_EQ(__tvm_ffi_merge(nullptr, merge, 8, &result), -1);
  EXPECT_EQ(raised, "ValueError: kv_heads: 4294967300 is not in [0, 2^31 - 1]");
  merge[5] = integer(-1);
  EXPECT_EQ(__tvm_ffi_merge(nullptr, merge, 8, &result), -1);
  EXPECT_EQ(raised, "ValueError: kv_heads: -1 is not in [0, 2^31 - 1]");

  Broadcast source({1, 2, kHuge}, 2, 32), slots({1}, 0, 64),
      cache({1, 16, 2, kHuge}, 2, 32);
  const Any append[6] = {source.any(), kNoneAny, slots.any(),
                         cache.any(),  kNoneAny, kNoneAny};
  EXPECT_EQ(__tvm_ffi_append(nullptr, append, 6, &result), -1);
  EXPECT_EQ(raised,
            "ValueError: the width of k: 4294967300 is not in [0, 2^31 - 1]");
}
