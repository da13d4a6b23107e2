//===-- AbiFuzz.cpp - Any params into the C ABI ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input edits a good call, field by field and array by array. Params that
// promise more memory than there is are left out: no check can see that. For
// the rest, a call that is refused must have touched nothing, and one that is
// accepted must hand its kernels work that covers every visible token once and
// stays within the workspace that was asked for, which the address sanitizer
// watches.
//
//===----------------------------------------------------------------------===//

#include "Plan.h"
#include "attn_layout.h"
#include "attn_runtime.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

using namespace attn::runtime;

namespace {

[[noreturn]] void complain() { abort(); }

/// Bytes of the input; zeros once they are used up.
class Input {
public:
  Input(const uint8_t *data, size_t size) : data(data), size(size) {}
  bool empty() const { return size == 0; }
  template <typename T>
  T take() {
    T value = {};
    size_t count = std::min(size, sizeof value);
    memcpy(&value, data, count);
    data += count;
    size -= count;
    return value;
  }

private:
  const uint8_t *data;
  size_t size;
};

constexpr int64_t kScratchBytes = 200;
constexpr int32_t kQHeads = 6, kKvHeads = 2, kDim = 32, kTile = 8;

/// Tokens times kv heads that the kernels were given.
std::atomic<int64_t> covered;

void kernel(const attn_kernel_args *args, const attn_work_item *item,
            void *scratch) {
  memset(scratch, 0x5a, kScratchBytes);
  if (item->token_begin < 0 || item->token_end < item->token_begin ||
      item->token_end > item->seq_len || item->head_begin < 0 ||
      item->head_end > kKvHeads || item->head_begin >= item->head_end)
    complain();
  covered += (item->token_end - item->token_begin) *
             (item->head_end - item->head_begin);
  // What the kernel would read of the block table.
  for (int64_t t = item->token_begin; item->blocks && t < item->token_end;
       t += kTile)
    if (item->blocks[t / args->page_size] < 0)
      complain();
  if (item->slot < 0)
    return;
  int64_t group = kQHeads / kKvHeads;
  for (int64_t head = item->head_begin * group; head < item->head_end * group;
       ++head) {
    int64_t row = item->slot * kQHeads + head;
    args->partial_lse[row] = 0;
    memset(args->partial_out + row * kDim, 0, kDim * sizeof(float));
  }
}

void combine(const attn_kernel_args *args, const attn_combine_item *item,
             void *scratch) {
  memset(scratch, 0xa5, kScratchBytes);
  for (int64_t i = 0; i < item->slot_count; ++i) {
    int64_t slot = item->slot_begin + i * item->slot_stride;
    if (args->partial_lse[slot * kQHeads] != 0)
      complain();
  }
}

attn_library *openLibrary() {
  static attn_kernel_desc kernels[3];
  for (attn_kernel_desc &desc : kernels) {
    desc.struct_size = sizeof desc;
    desc.name = "kernel";
    desc.dtype = ATTN_BF16;
    desc.q_heads = kQHeads;
    desc.kv_heads = kKvHeads;
    desc.k_dim = desc.v_dim = kDim;
    desc.q_len = 1;
    desc.kv_tile = kTile;
    desc.page_multiple = 1;
    desc.scale = 1;
    desc.scratch_bytes = kScratchBytes;
    desc.kernel = kernel;
    desc.combine = combine;
  }
  kernels[1].window = 20;
  kernels[2].layout = ATTN_LAYOUT_OWN;
  static const attn_kernel_table table = {
      ATTN_KERNEL_ABI_VERSION, 3, kernels, nullptr, 0, 0};
  attn_library *lib;
  if (attn_library_from_table(&table, &lib))
    complain();
  return lib;
}

attn_pool *makePool() {
  attn_pool *pool;
  if (attn_pool_create(3, &pool))
    complain();
  return pool;
}

//===----------------------------------------------------------------------===//
// Edits
//===----------------------------------------------------------------------===//

enum class Kind { Int32, Int64, Float, Pointer };

/// One field of a params struct.
struct Field {
  size_t offset;
  Kind kind;
};
#define FIELD(type, name, kind) {offsetof(type, name), Kind::kind}

/// Sizes, strides and flags near where something begins to go wrong, or any.
int64_t takeInteger(Input &input) {
  static constexpr int64_t special[] = {
      0,  -1, 1,  2,   3,         INT32_MAX, INT64_MAX,
      16, 32, 64, 100, INT64_MIN, INT32_MIN, int64_t(1) << 32};
  uint8_t choice = input.take<uint8_t>();
  if (choice < std::size(special))
    return special[choice];
  return choice < 200 ? input.take<int8_t>() : input.take<int64_t>();
}

/// A pointer is null, off by up to 7 bytes (what it points to begins at a
/// multiple of 8 and has room for that), or as it was: others are the caller's
/// bug, which no check can see.
void editPointer(Input &input, char *field) {
  uintptr_t pointer;
  memcpy(&pointer, field, sizeof pointer);
  uint8_t choice = input.take<uint8_t>();
  if (choice == 0)
    pointer = 0;
  else if (pointer)
    pointer = pointer / 8 * 8 + choice % 8;
  memcpy(field, &pointer, sizeof pointer);
}

template <size_t Count>
void editFields(Input &input, void *params, const Field (&fields)[Count]) {
  const Field &field = fields[input.take<uint8_t>() % Count];
  char *at = static_cast<char *>(params) + field.offset;
  switch (field.kind) {
  case Kind::Int32: {
    auto value = int32_t(takeInteger(input));
    memcpy(at, &value, sizeof value);
    return;
  }
  case Kind::Int64: {
    int64_t value = takeInteger(input);
    memcpy(at, &value, sizeof value);
    return;
  }
  case Kind::Float: {
    auto value = input.take<float>();
    memcpy(at, &value, sizeof value);
    return;
  }
  case Kind::Pointer:
    return editPointer(input, at);
  }
}

template <typename T>
void editArray(Input &input, std::vector<T> &array) {
  array[input.take<uint8_t>() % array.size()] = T(takeInteger(input));
}

/// Whether rows at these strides end within `elements`.
bool fits(std::initializer_list<std::pair<int64_t, int64_t>> dimensions,
          int64_t row, int64_t elements) {
  __int128 last = row;
  for (auto [extent, stride] : dimensions)
    if (extent > 1 && stride > 0)
      last += __int128(extent - 1) * stride;
  return last <= elements;
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

const Field decodeFields[] = {
    FIELD(attn_decode_params, struct_size, Int32),
    FIELD(attn_decode_params, flags, Int32),
    FIELD(attn_decode_params, dtype, Int32),
    FIELD(attn_decode_params, layout, Int32),
    FIELD(attn_decode_params, q_heads, Int32),
    FIELD(attn_decode_params, kv_heads, Int32),
    FIELD(attn_decode_params, k_dim, Int32),
    FIELD(attn_decode_params, v_dim, Int32),
    FIELD(attn_decode_params, q_len, Int32),
    FIELD(attn_decode_params, isa, Int32),
    FIELD(attn_decode_params, scale, Float),
    FIELD(attn_decode_params, softcap, Float),
    FIELD(attn_decode_params, window, Int64),
    FIELD(attn_decode_params, max_batch, Int64),
    FIELD(attn_decode_params, max_seq_len, Int64),
    FIELD(attn_decode_params, page_size, Int64),
    FIELD(attn_decode_params, num_blocks, Int64),
    FIELD(attn_decode_params, split_size, Int64),
    FIELD(attn_decode_params, batch, Int64),
    FIELD(attn_decode_params, q, Pointer),
    FIELD(attn_decode_params, q_stride_batch, Int64),
    FIELD(attn_decode_params, k, Pointer),
    FIELD(attn_decode_params, k_stride_block, Int64),
    FIELD(attn_decode_params, k_stride_token, Int64),
    FIELD(attn_decode_params, v, Pointer),
    FIELD(attn_decode_params, v_stride_head, Int64),
    FIELD(attn_decode_params, sinks, Pointer),
    FIELD(attn_decode_params, seq_lens, Pointer),
    FIELD(attn_decode_params, block_table, Pointer),
    FIELD(attn_decode_params, block_table_stride, Int64),
    FIELD(attn_decode_params, max_blocks, Int64),
    FIELD(attn_decode_params, out, Pointer),
    FIELD(attn_decode_params, out_stride_head, Int64),
    FIELD(attn_decode_params, lse, Pointer),
    FIELD(attn_decode_params, lse_stride_token, Int64),
    FIELD(attn_decode_params, workspace_bytes, Int64),
    FIELD(attn_decode_params, device, Int32),
    FIELD(attn_decode_params, index_type, Int32),
    FIELD(attn_decode_params, max_indices, Int64),
    FIELD(attn_decode_params, stream, Pointer),
    FIELD(attn_decode_params, indptr, Pointer),
    FIELD(attn_decode_params, indices, Pointer),
    FIELD(attn_decode_params, last_page_len, Pointer),
};

/// The arrays of a call, with room for pointers that are off by some bytes.
struct DecodeCall {
  static constexpr int64_t kBatch = 4, kPages = 16, kRoom = 2;

  explicit DecodeCall(Input &input)
      : seqLens({100, 0, 31, 256}), indptr({0, 7, 7, 9, 25}),
        lastPageLen({4, 0, 15, 16}), table(kBatch * kPages), wide(64) {
    for (size_t i = 0; i < table.size(); ++i)
      table[i] = int32_t(i * 7 % 64);
    for (size_t i = 0; i < wide.size(); ++i)
      wide[i] = int64_t(i * 5 % 64);
    for (auto *array : {&seqLens, &indptr, &lastPageLen, &table})
      array->resize(array->size() + kRoom);
    wide.resize(wide.size() + kRoom);

    p.struct_size = sizeof p;
    p.q_heads = kQHeads;
    p.kv_heads = kKvHeads;
    p.k_dim = p.v_dim = kDim;
    p.q_len = 1;
    p.isa = ATTN_ISA_AUTO;
    p.scale = 1;
    p.max_batch = p.batch = kBatch;
    p.max_seq_len = 256;
    p.page_size = 16;
    p.num_blocks = 64;
    p.q = p.k = p.v = p.out = tensor;
    p.q_stride_head = p.out_stride_head = kDim;
    p.q_stride_batch = p.out_stride_batch = kQHeads * kDim;
    p.k_stride_token = p.v_stride_token = kDim;
    p.k_stride_head = p.v_stride_head = 16 * kDim;
    p.k_stride_block = p.v_stride_block = 16 * kKvHeads * kDim;
    p.lse = lse;
    p.lse_stride_batch = kQHeads;
    p.lse_stride_head = 1;
    uint8_t mode = input.take<uint8_t>();
    p.pool = mode & 1 ? pool() : nullptr;
    p.window = mode & 2 ? 20 : 0;
    p.layout = mode & 4 ? ATTN_LAYOUT_OWN : ATTN_LAYOUT_ROW;
    p.flags = mode & 8 ? ATTN_FLAG_BATCH_INVARIANT : 0;
    p.split_size = 32;
    if (mode & 16) {
      p.indptr = indptr.data();
      p.index_type = mode & 32 ? ATTN_INDEX_INT64 : ATTN_INDEX_INT32;
      p.indices = mode & 32 ? static_cast<void *>(wide.data())
                            : static_cast<void *>(table.data());
      p.max_indices = kBatch * kPages;
    } else {
      p.block_table = table.data();
      p.block_table_stride = p.max_blocks = kPages;
    }
    if (mode & 64)
      p.last_page_len = lastPageLen.data();
    else
      p.seq_lens = seqLens.data();
    while (!input.empty())
      edit(input);
  }

  void edit(Input &input) {
    switch (input.take<uint8_t>() % 8) {
    case 0:
      return editArray(input, seqLens);
    case 1:
      return editArray(input, indptr);
    case 2:
      return editArray(input, lastPageLen);
    case 3:
      return editArray(input, table);
    case 4:
      return editArray(input, wide);
    default:
      return editFields(input, &p, decodeFields);
    }
  }

  /// Whether the arrays are as long as the params say.
  bool keepsPromises() const {
    return p.struct_size <= sizeof p && p.batch <= kBatch &&
           p.max_indices <= kBatch * kPages &&
           fits({{p.batch, p.block_table_stride}}, p.max_blocks,
                kBatch * kPages);
  }

  static attn_pool *pool() {
    static attn_pool *made = makePool();
    return made;
  }

  attn_decode_params p = {};
  std::vector<int32_t> seqLens, indptr, lastPageLen, table;
  std::vector<int64_t> wide;
  alignas(64) static inline char tensor[64];
  alignas(8) static inline float lse[2];
};

/// Tokens times kv heads of an accepted call.
int64_t countVisible(const attn_decode_params &p) {
  PlanBatch batch;
  batch.seqLens = p.seq_lens;
  batch.indptr = p.indptr;
  batch.lastPageLen = p.last_page_len;
  batch.pageSize = p.page_size;
  PlanShape shape;
  shape.kvTile = kTile;
  shape.window = p.window;
  int64_t tokens = 0;
  for (int64_t i = 0; i < p.batch; ++i) {
    TokenRange range = visibleTokens(shape, batch.getLength(i));
    tokens += range.end - range.begin;
  }
  return tokens * kKvHeads;
}

bool fuzzDecode(Input &input) {
  static attn_library *lib = openLibrary();
  DecodeCall call(input);
  attn_decode_params &p = call.p;
  if (!call.keepsPromises())
    return false;
  uint64_t bytes;
  attn_status status = attn_decode_workspace_size(lib, &p, &bytes);
  size_t reasons;
  if (attn_query_support(lib, &p, nullptr, 0, &reasons) == ATTN_OK &&
      status != ATTN_OK && status != ATTN_ERROR_WORKSPACE_SIZE)
    complain();
  constexpr uint64_t kMost = 1 << 24;
  if (status || bytes > kMost) {
    // There is no workspace, so it may not be accepted either.
    p.workspace = nullptr;
    if (attn_decode(lib, &p) == ATTN_OK && p.batch)
      complain();
    return true;
  }
  // A field that was edited counts, but memory beyond it there is none.
  bytes = p.workspace_bytes && p.workspace_bytes < bytes ? p.workspace_bytes
                                                         : bytes;
  uint64_t whole = (bytes + 63) / 64 * 64;
  std::unique_ptr<char, decltype(&free)> workspace(
      static_cast<char *>(aligned_alloc(64, whole)), free);
  memset(workspace.get(), 0xc5, whole);
  p.workspace = workspace.get();
  p.workspace_bytes = bytes;
  covered = 0;
  status = attn_decode(lib, &p);
  if (status == ATTN_OK) {
    if (p.batch && covered != countVisible(p))
      complain();
  } else if (covered != 0 ||
             !std::all_of(workspace.get(), workspace.get() + whole,
                          [](char c) { return c == char(0xc5); }) ||
             !*attn_error_message()) {
    complain();
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Append and project
//===----------------------------------------------------------------------===//

/// Memory that must be as it was after a refusal.
constexpr int64_t kElements = 4096;
struct Memory {
  Memory() { memset(elements, 0xc5, sizeof elements); }
  bool isUntouched() const {
    return std::all_of(std::begin(elements), std::end(elements),
                       [](uint16_t e) { return e == 0xc5c5; });
  }
  alignas(64) uint16_t elements[kElements + 4];
};

const Field appendFields[] = {
    FIELD(attn_append_params, struct_size, Int32),
    FIELD(attn_append_params, flags, Int32),
    FIELD(attn_append_params, dtype, Int32),
    FIELD(attn_append_params, layout, Int32),
    FIELD(attn_append_params, kv_heads, Int32),
    FIELD(attn_append_params, k_dim, Int32),
    FIELD(attn_append_params, v_dim, Int32),
    FIELD(attn_append_params, reserved, Int32),
    FIELD(attn_append_params, tokens, Int64),
    FIELD(attn_append_params, page_size, Int64),
    FIELD(attn_append_params, num_blocks, Int64),
    FIELD(attn_append_params, slot_mapping, Pointer),
    FIELD(attn_append_params, k_src, Pointer),
    FIELD(attn_append_params, k_src_stride_token, Int64),
    FIELD(attn_append_params, k_src_stride_head, Int64),
    FIELD(attn_append_params, v_src, Pointer),
    FIELD(attn_append_params, k, Pointer),
    FIELD(attn_append_params, k_stride_block, Int64),
    FIELD(attn_append_params, k_stride_token, Int64),
    FIELD(attn_append_params, k_stride_head, Int64),
    FIELD(attn_append_params, v, Pointer),
    FIELD(attn_append_params, v_stride_block, Int64),
    FIELD(attn_append_params, device, Int32),
    FIELD(attn_append_params, reserved_2, Int32),
    FIELD(attn_append_params, stream, Pointer),
};

bool fuzzAppend(Input &input) {
  auto source = std::make_unique<Memory>();
  auto k = std::make_unique<Memory>(), v = std::make_unique<Memory>();
  // Not as the cache is filled, so that a row that is written shows.
  memset(source->elements, 0x11, sizeof source->elements);
  std::vector<int64_t> slots = {3, -1, 0, 15, 8, 0};
  attn_append_params p = {};
  p.struct_size = sizeof p;
  p.layout = input.take<uint8_t>() % 2;
  p.kv_heads = 2;
  p.k_dim = p.v_dim = 16;
  p.tokens = 5;
  p.page_size = 4;
  p.num_blocks = 4;
  p.slot_mapping = slots.data();
  p.k_src = p.v_src = source->elements;
  p.k_src_stride_head = p.v_src_stride_head = 16;
  p.k_src_stride_token = p.v_src_stride_token = 32;
  p.k = k->elements;
  p.v = v->elements;
  p.k_stride_token = p.v_stride_token = 16;
  p.k_stride_head = p.v_stride_head = 64;
  p.k_stride_block = p.v_stride_block = 128;
  while (!input.empty()) {
    if (input.take<uint8_t>() % 4 == 0)
      editArray(input, slots);
    else
      editFields(input, &p, appendFields);
  }
  int64_t room = kElements / (p.dtype == ATTN_F32 ? 2 : 1);
  if (p.struct_size > sizeof p || p.tokens > int64_t(slots.size()) - 1 ||
      !fits(
          {{p.tokens, p.k_src_stride_token}, {p.kv_heads, p.k_src_stride_head}},
          p.k_dim, room) ||
      !fits(
          {{p.tokens, p.v_src_stride_token}, {p.kv_heads, p.v_src_stride_head}},
          p.v_dim, room) ||
      !fits({{p.num_blocks, p.k_stride_block},
             {p.page_size, p.k_stride_token},
             {p.kv_heads, p.k_stride_head}},
            p.k_dim, room) ||
      !fits({{p.num_blocks, p.v_stride_block},
             {p.page_size, p.v_stride_token},
             {p.kv_heads, p.v_stride_head}},
            p.v_dim, room))
    return false;
  if (attn_append(&p) != ATTN_OK &&
      !(k->isUntouched() && v->isUntouched() && *attn_error_message()))
    complain();
  return true;
}

const Field projectFields[] = {
    FIELD(attn_project_params, struct_size, Int32),
    FIELD(attn_project_params, flags, Int32),
    FIELD(attn_project_params, dtype, Int32),
    FIELD(attn_project_params, device, Int32),
    FIELD(attn_project_params, isa, Int32),
    FIELD(attn_project_params, heads, Int32),
    FIELD(attn_project_params, in_dim, Int32),
    FIELD(attn_project_params, out_dim, Int32),
    FIELD(attn_project_params, rows, Int64),
    FIELD(attn_project_params, in, Pointer),
    FIELD(attn_project_params, in_stride_row, Int64),
    FIELD(attn_project_params, in_stride_head, Int64),
    FIELD(attn_project_params, weight, Pointer),
    FIELD(attn_project_params, weight_stride_head, Int64),
    FIELD(attn_project_params, weight_stride_in, Int64),
    FIELD(attn_project_params, weight_stride_out, Int64),
    FIELD(attn_project_params, out, Pointer),
    FIELD(attn_project_params, out_stride_row, Int64),
    FIELD(attn_project_params, out_stride_head, Int64),
    FIELD(attn_project_params, stream, Pointer),
};

bool fuzzProject(Input &input) {
  auto in = std::make_unique<Memory>(), weight = std::make_unique<Memory>();
  auto out = std::make_unique<Memory>();
  attn_project_params p = {};
  p.struct_size = sizeof p;
  p.isa = ATTN_ISA_AUTO;
  p.heads = 2;
  p.in_dim = p.out_dim = 20;
  p.rows = 3;
  p.in = in->elements;
  p.in_stride_row = p.out_stride_row = 40;
  p.in_stride_head = p.out_stride_head = 20;
  p.weight = weight->elements;
  p.weight_stride_head = 400;
  p.weight_stride_in = 20;
  p.weight_stride_out = 1;
  p.out = out->elements;
  while (!input.empty())
    editFields(input, &p, projectFields);
  int64_t room = kElements / (p.dtype == ATTN_F32 ? 2 : 1);
  if (p.struct_size > sizeof p ||
      !fits({{p.rows, p.in_stride_row}, {p.heads, p.in_stride_head}}, p.in_dim,
            room) ||
      !fits({{p.heads, p.weight_stride_head},
             {p.in_dim, p.weight_stride_in},
             {p.out_dim, p.weight_stride_out}},
            1, room) ||
      !fits({{p.rows, p.out_stride_row}, {p.heads, p.out_stride_head}},
            p.out_dim, room))
    return false;
  if (attn_project(&p) != ATTN_OK &&
      !(out->isUntouched() && *attn_error_message()))
    complain();
  return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Input input(data, size);
  bool used;
  switch (input.take<uint8_t>() % 4) {
  case 0:
    used = fuzzAppend(input);
    break;
  case 1:
    used = fuzzProject(input);
    break;
  default:
    used = fuzzDecode(input);
  }
  return used ? 0 : -1; // -1: keep it out of the corpus
}
