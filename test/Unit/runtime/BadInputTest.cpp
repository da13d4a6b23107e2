//===-- BadInputTest.cpp - Each kind of bad input has its own status ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <functional>

using namespace attn::test;

namespace {

struct BadInput {
  const char *what;
  attn_status status;
  std::function<void(Problem &, attn_decode_params &)> spoil;
};

template <typename T>
const T *shifted(const T *pointer, size_t bytes) {
  return reinterpret_cast<const T *>(
      reinterpret_cast<const unsigned char *>(pointer) + bytes);
}

template <typename T>
T *shifted(T *pointer, size_t bytes) {
  return reinterpret_cast<T *>(reinterpret_cast<unsigned char *>(pointer) +
                               bytes);
}

#define SPOIL(statement)                                                       \
  [](Problem &problem, attn_decode_params &p) {                                \
    (void)problem, (void)p;                                                    \
    statement;                                                                 \
  }

const BadInput kBadInputs[] = {
    // Struct.
    {"struct_size 0", ATTN_ERROR_STRUCT_SIZE, SPOIL(p.struct_size = 0)},
    {"struct_size short", ATTN_ERROR_STRUCT_SIZE, SPOIL(p.struct_size -= 8)},
    {"struct_size absurd", ATTN_ERROR_STRUCT_SIZE,
     SPOIL(p.struct_size = UINT32_MAX)},
    {"struct_size between versions", ATTN_ERROR_STRUCT_SIZE,
     SPOIL(p.struct_size = 344)},
    // Facts.
    {"device", ATTN_ERROR_ENUM, SPOIL(p.device = 2)},
    {"device CUDA", ATTN_ERROR_UNSUPPORTED, SPOIL(p.device = ATTN_DEVICE_CUDA)},
    {"stream on the CPU", ATTN_ERROR_DEVICE, SPOIL(p.stream = &p)},
    {"index_type", ATTN_ERROR_ENUM, SPOIL(p.index_type = 2)},
    {"flags", ATTN_ERROR_FLAGS, SPOIL(p.flags |= 1u << 20)},
    {"dtype", ATTN_ERROR_ENUM, SPOIL(p.dtype = 9)},
    {"layout", ATTN_ERROR_ENUM, SPOIL(p.layout = -1)},
    {"isa", ATTN_ERROR_ENUM, SPOIL(p.isa = 4)},
    {"isa none", ATTN_ERROR_ENUM, SPOIL(p.isa = ATTN_ISA_NONE)},
    {"q_heads 0", ATTN_ERROR_SHAPE, SPOIL(p.q_heads = 0)},
    {"kv_heads 0", ATTN_ERROR_SHAPE, SPOIL(p.kv_heads = 0)},
    {"heads ragged", ATTN_ERROR_SHAPE, SPOIL(p.q_heads += 1)},
    {"k_dim", ATTN_ERROR_SHAPE, SPOIL(p.k_dim = 0)},
    {"v_dim", ATTN_ERROR_SHAPE, SPOIL(p.v_dim = -4)},
    {"q_len", ATTN_ERROR_SHAPE, SPOIL(p.q_len = 0)},
    {"v_dim over k_dim", ATTN_ERROR_SHAPE,
     SPOIL(p.flags |= ATTN_FLAG_V_IN_K; p.v_dim = p.k_dim + 1)},
    {"scale NaN", ATTN_ERROR_VALUE, SPOIL(p.scale = NAN)},
    {"scale inf", ATTN_ERROR_VALUE, SPOIL(p.scale = INFINITY)},
    {"softcap negative", ATTN_ERROR_VALUE, SPOIL(p.softcap = -1)},
    {"softcap NaN", ATTN_ERROR_VALUE, SPOIL(p.softcap = NAN)},
    {"window negative", ATTN_ERROR_VALUE, SPOIL(p.window = -1)},
    {"split_size negative", ATTN_ERROR_VALUE, SPOIL(p.split_size = -1)},
    // Facts that no kernel has.
    {"scale other", ATTN_ERROR_UNSUPPORTED,
     SPOIL(p.scale = std::nextafter(p.scale, 2.0f))},
    {"softcap other", ATTN_ERROR_UNSUPPORTED, SPOIL(p.softcap += 1)},
    {"window other", ATTN_ERROR_UNSUPPORTED, SPOIL(p.window += 1)},
    {"not causal", ATTN_ERROR_UNSUPPORTED,
     SPOIL(p.flags &= ~uint32_t(ATTN_FLAG_CAUSAL))},
    {"no sinks", ATTN_ERROR_UNSUPPORTED,
     SPOIL(p.flags &= ~uint32_t(ATTN_FLAG_SINKS); p.sinks = nullptr)},
    {"score region", ATTN_ERROR_UNSUPPORTED,
     SPOIL(p.flags |= ATTN_FLAG_SCORE_MOD)},
    {"name", ATTN_ERROR_UNSUPPORTED, SPOIL(p.kernel_name = "other")},
    {"isa not built", ATTN_ERROR_UNSUPPORTED, SPOIL(p.isa = ATTN_ISA_AVX512)},
    // Capacities.
    {"max_batch", ATTN_ERROR_SHAPE, SPOIL(p.max_batch = 0)},
    {"max_batch huge", ATTN_ERROR_SHAPE, SPOIL(p.max_batch = INT64_MAX)},
    {"max_seq_len", ATTN_ERROR_SHAPE, SPOIL(p.max_seq_len = 0)},
    {"max_seq_len huge", ATTN_ERROR_SHAPE,
     SPOIL(p.max_seq_len = int64_t(1) << 31)},
    {"page_size", ATTN_ERROR_PAGE_SIZE, SPOIL(p.page_size = 0)},
    {"num_blocks", ATTN_ERROR_SHAPE, SPOIL(p.num_blocks = -1)},
    {"max_indices negative", ATTN_ERROR_SHAPE, SPOIL(p.max_indices = -1)},
    {"max_indices huge", ATTN_ERROR_SHAPE,
     SPOIL(p.max_indices = int64_t(1) << 31)},
    {"batch", ATTN_ERROR_SHAPE, SPOIL(p.batch = -1)},
    {"batch over capacity", ATTN_ERROR_BATCH_CAPACITY,
     SPOIL(p.max_batch = p.batch - 1)},
    {"workspace overflow", ATTN_ERROR_WORKSPACE_SIZE,
     SPOIL(p.flags |= ATTN_FLAG_BATCH_INVARIANT; p.split_size = 1;
           p.max_seq_len = p.max_batch = INT32_MAX; p.window = 0;
           p.flags &= ~uint32_t(ATTN_FLAG_SINKS); p.sinks = nullptr;
           p.flags &= ~uint32_t(ATTN_FLAG_CAUSAL); p.dtype = ATTN_F32;
           p.q_heads = 12; p.kv_heads = 4; p.k_dim = p.v_dim = 8; p.q_len = 1;
           p.scale = 0.5f; p.softcap = 0)},
    {"table too narrow", ATTN_ERROR_CACHE_CAPACITY,
     SPOIL(p.max_seq_len = p.max_blocks * p.page_size + 1)},
    {"page too small", ATTN_ERROR_CACHE_CAPACITY,
     SPOIL(p.block_table = nullptr)},
    {"too few blocks", ATTN_ERROR_CACHE_CAPACITY,
     SPOIL(p.block_table = nullptr; p.page_size = p.max_seq_len;
           p.num_blocks = p.batch - 1)},
    {"max_blocks", ATTN_ERROR_SHAPE, SPOIL(p.max_blocks = 0)},
    // Pointers.
    {"q null", ATTN_ERROR_NULL_POINTER, SPOIL(p.q = nullptr)},
    {"k null", ATTN_ERROR_NULL_POINTER, SPOIL(p.k = nullptr)},
    {"v null", ATTN_ERROR_NULL_POINTER, SPOIL(p.v = nullptr)},
    {"out null", ATTN_ERROR_NULL_POINTER, SPOIL(p.out = nullptr)},
    {"sinks null", ATTN_ERROR_NULL_POINTER, SPOIL(p.sinks = nullptr)},
    {"seq_lens null", ATTN_ERROR_NULL_POINTER, SPOIL(p.seq_lens = nullptr)},
    {"workspace null", ATTN_ERROR_NULL_POINTER, SPOIL(p.workspace = nullptr)},
    {"q misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.q = shifted(&problem.q[0], 2))},
    {"k misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.k = shifted(&problem.k[0], 1))},
    {"v misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.v = shifted(&problem.v[0], 3))},
    {"out misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.out = shifted(&problem.out[0], 2))},
    {"lse misaligned", ATTN_ERROR_MISALIGNED, SPOIL(p.lse = shifted(p.lse, 2))},
    {"sinks misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.sinks = shifted(p.sinks, 1))},
    {"seq_lens misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.seq_lens = shifted(p.seq_lens, 1))},
    {"block_table misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.block_table = shifted(p.block_table, 2))},
    {"workspace misaligned", ATTN_ERROR_MISALIGNED,
     SPOIL(p.workspace = static_cast<char *>(p.workspace) + 32)},
    {"workspace small", ATTN_ERROR_WORKSPACE_SIZE, SPOIL(--p.workspace_bytes)},
    // Strides.
    {"q negative", ATTN_ERROR_STRIDE, SPOIL(p.q_stride_batch = -1)},
    {"k negative", ATTN_ERROR_STRIDE, SPOIL(p.k_stride_token = -1)},
    {"v negative", ATTN_ERROR_STRIDE, SPOIL(p.v_stride_block = -8)},
    {"out negative", ATTN_ERROR_STRIDE, SPOIL(p.out_stride_head = -8)},
    {"lse negative", ATTN_ERROR_STRIDE, SPOIL(p.lse_stride_token = -1)},
    {"table negative", ATTN_ERROR_STRIDE, SPOIL(p.block_table_stride = -1)},
    {"out heads overlap", ATTN_ERROR_STRIDE,
     SPOIL(p.out_stride_head = p.v_dim - 1)},
    {"out batch overlaps", ATTN_ERROR_STRIDE,
     SPOIL(--p.out_stride_batch; p.out_stride_batch -= 3)},
    {"out zero", ATTN_ERROR_STRIDE, SPOIL(p.out_stride_token = 0)},
    {"lse zero", ATTN_ERROR_STRIDE, SPOIL(p.lse_stride_head = 0)},
    {"k overflows", ATTN_ERROR_STRIDE, SPOIL(p.k_stride_block = INT64_MAX / 4)},
    {"q overflows", ATTN_ERROR_STRIDE, SPOIL(p.q_stride_batch = INT64_MAX)},
    // Addressing.
    {"table and indptr", ATTN_ERROR_ADDRESSING, SPOIL(p.indptr = p.seq_lens)},
    {"indices alone", ATTN_ERROR_ADDRESSING, SPOIL(p.indices = p.seq_lens)},
    {"last_page_len alone", ATTN_ERROR_ADDRESSING,
     SPOIL(p.last_page_len = p.seq_lens)},
    {"int64 table", ATTN_ERROR_ADDRESSING,
     SPOIL(p.index_type = ATTN_INDEX_INT64)},
    // Contents.
    {"length negative", ATTN_ERROR_SEQ_LEN_NEGATIVE,
     SPOIL(problem.seqLens[1] = -1)},
    {"length over capacity", ATTN_ERROR_SEQ_LEN_CAPACITY,
     SPOIL(problem.seqLens[0] = int32_t(p.max_seq_len) + 1)},
    {"length under q_len", ATTN_ERROR_SEQ_LEN_CAUSAL,
     SPOIL(problem.seqLens[1] = p.q_len - 1)},
    {"block negative", ATTN_ERROR_BLOCK_INDEX,
     SPOIL(problem.blockTable[size_t(problem.seqLens[0] / p.page_size)] = -1)},
    {"block past the pool", ATTN_ERROR_BLOCK_INDEX,
     SPOIL(problem.blockTable[size_t(p.block_table_stride)] =
               int32_t(p.num_blocks))},
};

TEST(BadInput, HasItsStatusAndWritesNothing) {
  for (const BadInput &bad : kBadInputs) {
    SCOPED_TRACE(bad.what);
    ProblemOptions options = {WindowF32Row, {70, 20}};
    Problem problem(options, 5);
    attn_decode_params &p = problem.params;
    uint64_t bytes;
    ASSERT_EQ(attn_decode_workspace_size(problem.library, &p, &bytes), ATTN_OK);
    Workspace workspace(bytes);
    p.workspace = workspace.data();
    p.workspace_bytes = bytes;
    bad.spoil(problem, p);
    attn_status status = attn_decode(problem.library, &p);
    EXPECT_EQ(status, bad.status)
        << attn_status_name(status) << ": " << attn_error_message();
    EXPECT_STRNE(attn_error_message(), "");
    EXPECT_TRUE(problem.outputsAreUntouched());
    EXPECT_TRUE(workspace.isUntouched());
  }
}

/// Decodes `options` after a spoiling of the params.
attn_status decodeSpoilt(
    const ProblemOptions &options,
    const std::function<void(Problem &, attn_decode_params &)> &spoil) {
  Problem problem(options, 5);
  spoil(problem, problem.params);
  attn_status status = problem.run();
  EXPECT_TRUE(problem.outputsAreUntouched());
  return status;
}

TEST(BadInput, OfOtherKernels) {
  ProblemOptions options = {GqaF32Row, {20, 30}};
  EXPECT_EQ(decodeSpoilt(options, SPOIL(p.sinks = p.lse)), ATTN_ERROR_SINKS);
  options.kernel = MlaBf16Row;
  EXPECT_EQ(decodeSpoilt(options, SPOIL(p.v = p.out)), ATTN_ERROR_V_POINTER);
  options.kernel = GqaBf16Own;
  EXPECT_EQ(decodeSpoilt(options, SPOIL(++p.k_stride_token)),
            ATTN_ERROR_STRIDE);
  EXPECT_EQ(decodeSpoilt(options, SPOIL(++p.v_stride_token)),
            ATTN_ERROR_STRIDE);
  EXPECT_EQ(decodeSpoilt(options, SPOIL(p.page_size = 24; p.max_blocks = 2)),
            ATTN_ERROR_PAGE_SIZE);
}

TEST(BadInput, NullArguments) {
  attn_decode_params p = factsOf(fakeTable().kernels[0]);
  p.max_batch = p.max_seq_len = p.page_size = 1;
  attn_library *lib;
  ASSERT_EQ(attn_library_from_table(&fakeTable(), &lib), ATTN_OK);
  uint64_t bytes;
  uint32_t index;
  EXPECT_EQ(attn_decode(nullptr, &p), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_decode(lib, nullptr), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_decode_workspace_size(lib, nullptr, &bytes),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_decode_workspace_size(lib, &p, nullptr),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_query_support(nullptr, &p, nullptr, 0, nullptr),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_query_support(lib, &p, nullptr, 4, nullptr),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_select_kernel(lib, &p, nullptr), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_select_kernel(lib, &p, &index), ATTN_OK);
  attn_library_close(lib);
}

// A caller built against a later header, with fields this runtime lacks.
TEST(BadInput, LargerStructsMustBeZeroPastTheKnown) {
  struct Later {
    attn_decode_params params;
    uint64_t added[3];
  };
  ProblemOptions options = {GqaF32Row, {20}};
  Problem problem(options, 5);
  Later later = {};
  later.params = problem.params;
  later.params.struct_size = sizeof later;
  uint64_t bytes;
  EXPECT_EQ(attn_decode_workspace_size(problem.library, &later.params, &bytes),
            ATTN_OK);
  Workspace workspace(bytes);
  later.params.workspace = workspace.data();
  later.params.workspace_bytes = bytes;
  later.added[2] = uint64_t(1) << 63;
  EXPECT_EQ(attn_decode(problem.library, &later.params),
            ATTN_ERROR_STRUCT_SIZE);
  EXPECT_TRUE(problem.outputsAreUntouched());
  later.added[2] = 0;
  EXPECT_EQ(attn_decode(problem.library, &later.params), ATTN_OK);
  EXPECT_LE(problem.outError(), 200);
}

} // namespace
