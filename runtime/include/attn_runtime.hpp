//===-- attn_runtime.hpp - The runtime from C++ -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn_runtime.h for C++17 and later, in this header alone: libraries, pools
// and workspaces that release themselves, spans instead of pointers and counts,
// results instead of status codes. It throws nothing and compiles without
// exceptions. What the functions mean, and when they fail, is said there.
//
//   attn::Result<attn::Library> lib = attn::Library::open("llama.so");
//   if (!lib)
//     return report(lib.error().message);
//   attn::DecodeParams p = attn::DecodeParams::of(*lib->kernel(0));
//   ... capacities ...
//   auto bytes = lib->workspaceSize(p);                  once, at start-up
//   attn::Workspace workspace = attn::Workspace::allocate(*bytes);
//   p.setWorkspace(workspace);
//   ... tensors ...
//   if (attn::Result<void> done = lib->decode(p); !done) each step
//     return report(done.error().message);
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_HPP
#define ATTN_RUNTIME_HPP

#include "attn_gpu.h"
#include "attn_runtime.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace attn {

/// Why a call failed: its status, and what attn_error_message said of it.
struct Error {
  attn_status status;
  std::string message;
};

/// A value or an error. Reading the one that is not there is undefined.
template <typename T>
class [[nodiscard]] Result {
public:
  Result(T value) : value(std::move(value)) {}
  Result(Error error) : failure(std::move(error)) {}

  explicit operator bool() const { return value.has_value(); }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }
  const Error &error() const { return failure; }

private:
  std::optional<T> value;
  Error failure{ATTN_OK, {}};
};

/// Success or an error.
template <>
class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)) {}
  /// Of a call that has just returned `status`, on this thread.
  static Result of(attn_status status) {
    if (status == ATTN_OK)
      return Result();
    return Error{status, attn_error_message()};
  }

  explicit operator bool() const { return failure.status == ATTN_OK; }
  const Error &error() const { return failure; }

private:
  Error failure{ATTN_OK, {}};
};

/// Elements that lie one behind the other and belong to somebody else.
template <typename T>
class Span {
public:
  Span() = default;
  Span(T *data, size_t size) : first(data), count(size) {}
  /// Of a vector, a std::array, a string, another span.
  template <typename Container,
            typename = std::enable_if_t<std::is_convertible_v<
                decltype(std::declval<Container &>().data()), T *>>>
  Span(Container &&container)
      : first(container.data()), count(container.size()) {}

  T *data() const { return first; }
  size_t size() const { return count; }
  bool empty() const { return count == 0; }
  T &operator[](size_t i) const { return first[i]; }
  T *begin() const { return first; }
  T *end() const { return first + count; }

private:
  T *first = nullptr;
  size_t count = 0;
};

/// Strides, in elements, of a [batch, token, head, dim] tensor.
struct RowStrides {
  int64_t batch, token, head;
};
/// Of dense rows of `dim` elements.
inline RowStrides denseRows(int64_t tokens, int64_t heads, int64_t dim) {
  return {tokens * heads * dim, heads * dim, dim};
}

/// Strides, in elements, of a [block, token, head, dim] cache.
struct CacheStrides {
  int64_t block, token, head;
};

/// A pool of threads.
class Pool {
public:
  static Result<Pool> create(int32_t threads) {
    attn_pool *pool;
    if (auto done = Result<void>::of(attn_pool_create(threads, &pool)); !done)
      return done.error();
    return Pool(pool);
  }

  attn_pool *get() const { return pool.get(); }
  int32_t size() const { return attn_pool_size(get()); }

private:
  struct Destroy {
    void operator()(attn_pool *pool) const { attn_pool_destroy(pool); }
  };
  explicit Pool(attn_pool *pool) : pool(pool) {}
  std::unique_ptr<attn_pool, Destroy> pool;
};

/// Memory for the workspaces of calls on the CPU.
class Workspace {
public:
  Workspace() = default;
  /// Null, of no bytes, where there is no memory.
  static Workspace allocate(uint64_t bytes) {
    Workspace workspace;
    uint64_t whole = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    workspace.memory.reset(std::aligned_alloc(kAlignment, whole));
    workspace.bytes = workspace.memory ? bytes : 0;
    return workspace;
  }

  void *data() const { return memory.get(); }
  uint64_t size() const { return bytes; }

private:
  static constexpr uint64_t kAlignment = 64;
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory;
  uint64_t bytes = 0;
};

/// attn_decode_params, of which every field can also be set directly.
struct DecodeParams : attn_decode_params {
  DecodeParams() : attn_decode_params() { struct_size = sizeof *this; }

  /// With the facts of a kernel, and with its name.
  static DecodeParams of(const attn_kernel_desc &kernel) {
    DecodeParams p;
    p.flags = kernel.flags &
              (ATTN_KERNEL_CAUSAL | ATTN_KERNEL_SINKS | ATTN_KERNEL_V_IN_K |
               ATTN_KERNEL_SCORE_MOD | ATTN_KERNEL_OUT_F32);
    if (kernel.flags & ATTN_KERNEL_EMULATED)
      p.flags |= ATTN_FLAG_ALLOW_EMULATED;
    p.dtype = kernel.dtype;
    p.layout = kernel.layout;
    p.q_heads = kernel.q_heads;
    p.kv_heads = kernel.kv_heads;
    p.k_dim = kernel.k_dim;
    p.v_dim = kernel.v_dim;
    p.q_len = kernel.q_len;
    bool isGpu = kernel.isa >= ATTN_ISA_GPU;
    p.device = isGpu ? ATTN_DEVICE_CUDA : ATTN_DEVICE_CPU;
    p.isa = isGpu ? ATTN_ISA_AUTO : kernel.isa;
    p.scale = kernel.scale;
    p.softcap = kernel.softcap;
    p.window = kernel.window;
    p.kernel_name = kernel.name;
    return p;
  }

  void setPool(const Pool &of) { pool = of.get(); }
  void setWorkspace(const Workspace &of) {
    workspace = of.data();
    workspace_bytes = of.size();
  }
  void setQuery(const void *data, RowStrides strides) {
    q = data;
    q_stride_batch = strides.batch;
    q_stride_token = strides.token;
    q_stride_head = strides.head;
  }
  void setKeys(const void *data, CacheStrides strides) {
    k = data;
    k_stride_block = strides.block;
    k_stride_token = strides.token;
    k_stride_head = strides.head;
  }
  void setValues(const void *data, CacheStrides strides) {
    v = data;
    v_stride_block = strides.block;
    v_stride_token = strides.token;
    v_stride_head = strides.head;
  }
  void setOut(void *data, RowStrides strides) {
    out = data;
    out_stride_batch = strides.batch;
    out_stride_token = strides.token;
    out_stride_head = strides.head;
  }
  void setLogSumExp(float *data, RowStrides strides) {
    lse = data;
    lse_stride_batch = strides.batch;
    lse_stride_token = strides.token;
    lse_stride_head = strides.head;
  }

  /// The batch, by the requests' lengths.
  void setLengths(Span<const int32_t> lengths) {
    seq_lens = lengths.data();
    batch = int64_t(lengths.size());
  }
  /// Dense rows of `perRequest` block ids.
  void setBlockTable(Span<const int32_t> table, int64_t perRequest) {
    clearAddressing();
    block_table = table.data();
    block_table_stride = max_blocks = perRequest;
  }
  /// The batch, by where its requests' block ids begin; `max_indices` becomes
  /// the number of ids where it is smaller.
  void setIndices(Span<const int32_t> starts, Span<const int32_t> ids) {
    setIndices(starts, ids.data(), ids.size(), ATTN_INDEX_INT32);
  }
  void setIndices(Span<const int32_t> starts, Span<const int64_t> ids) {
    setIndices(starts, ids.data(), ids.size(), ATTN_INDEX_INT64);
  }
  /// Lengths by how full the last pages are, instead of setLengths.
  void setLastPageLengths(Span<const int32_t> lengths) {
    seq_lens = nullptr;
    last_page_len = lengths.data();
  }

private:
  void clearAddressing() {
    block_table = nullptr;
    block_table_stride = max_blocks = 0;
    indptr = nullptr;
    indices = nullptr;
    index_type = ATTN_INDEX_INT32;
  }
  void setIndices(Span<const int32_t> starts, const void *ids, size_t count,
                  attn_index_type type) {
    clearAddressing();
    indptr = starts.data();
    batch = int64_t(starts.size()) - 1;
    indices = ids;
    index_type = type;
    if (max_indices < int64_t(count))
      max_indices = int64_t(count);
  }
};
static_assert(sizeof(DecodeParams) == sizeof(attn_decode_params));

/// The other params, with struct_size set and nothing else.
struct AppendParams : attn_append_params {
  AppendParams() : attn_append_params() { struct_size = sizeof *this; }
};
struct MergeParams : attn_merge_params {
  MergeParams() : attn_merge_params() { struct_size = sizeof *this; }
};
struct ProjectParams : attn_project_params {
  ProjectParams() : attn_project_params() { struct_size = sizeof *this; }
};
struct MlaParams : attn_mla_params {
  MlaParams() : attn_mla_params() { struct_size = sizeof *this; }
};

inline Result<void> append(const attn_append_params &params) {
  return Result<void>::of(attn_append(&params));
}
inline Result<void> project(const attn_project_params &params) {
  return Result<void>::of(attn_project(&params));
}

/// An opened set of kernels.
class Library {
public:
  static Result<Library> open(const char *path) {
    attn_library *lib;
    return make(attn_library_open(path, &lib), lib);
  }
  /// The table must outlive the library.
  static Result<Library> fromTable(const attn_kernel_table &table) {
    attn_library *lib;
    return make(attn_library_from_table(&table, &lib), lib);
  }
  /// Kernels for the launcher's GPU. The table must outlive the library.
  static Result<Library> fromGpuTable(const attn_gpu_kernel_table &table,
                                      const attn_gpu_launcher &launcher) {
    attn_library *lib;
    return make(attn_library_from_gpu_table(&table, &launcher, &lib), lib);
  }

  attn_library *get() const { return lib.get(); }
  uint32_t numKernels() const { return attn_library_num_kernels(get()); }
  /// Null if there is no such kernel.
  const attn_kernel_desc *kernel(uint32_t index) const {
    return attn_library_kernel(get(), index);
  }
  Result<std::string> kernelJson(uint32_t index) const {
    size_t length = 0;
    if (auto done = Result<void>::of(
            attn_library_kernel_json(get(), index, nullptr, 0, &length));
        !done)
      return done.error();
    std::string text(length + 1, '\0');
    if (auto done = Result<void>::of(attn_library_kernel_json(
            get(), index, &text[0], text.size(), &length));
        !done)
      return done.error();
    text.resize(length);
    return text;
  }

  /// All that the nearest kernels miss; nothing if one fits.
  Result<std::vector<attn_reason>>
  findReasons(const attn_decode_params &params) const {
    size_t count = 0;
    attn_status status = attn_query_support(get(), &params, nullptr, 0, &count);
    std::vector<attn_reason> reasons(count);
    if (status != ATTN_OK && count == 0)
      return Result<void>::of(status).error();
    if (count)
      attn_query_support(get(), &params, reasons.data(), count, &count);
    return reasons;
  }
  Result<uint32_t> select(const attn_decode_params &params) const {
    uint32_t index;
    attn_status status = attn_select_kernel(get(), &params, &index);
    return makeValue(status, index);
  }

  Result<uint64_t> workspaceSize(const attn_decode_params &params) const {
    uint64_t bytes;
    attn_status status = attn_decode_workspace_size(get(), &params, &bytes);
    return makeValue(status, bytes);
  }
  Result<void> decode(const attn_decode_params &params) const {
    return Result<void>::of(attn_decode(get(), &params));
  }
  Result<uint64_t> workspaceSize(const attn_merge_params &params) const {
    uint64_t bytes;
    attn_status status = attn_merge_workspace_size(get(), &params, &bytes);
    return makeValue(status, bytes);
  }
  Result<void> merge(const attn_merge_params &params) const {
    return Result<void>::of(attn_merge(get(), &params));
  }
  Result<uint64_t> workspaceSize(const attn_mla_params &params) const {
    uint64_t bytes;
    attn_status status = attn_mla_workspace_size(get(), &params, &bytes);
    return makeValue(status, bytes);
  }
  Result<void> decode(const attn_mla_params &params) const {
    return Result<void>::of(attn_mla_decode(get(), &params));
  }

private:
  struct Close {
    void operator()(attn_library *lib) const { attn_library_close(lib); }
  };
  explicit Library(attn_library *lib) : lib(lib) {}

  static Result<Library> make(attn_status status, attn_library *lib) {
    if (auto done = Result<void>::of(status); !done)
      return done.error();
    return Library(lib);
  }
  template <typename T>
  static Result<T> makeValue(attn_status status, const T &value) {
    if (auto done = Result<void>::of(status); !done)
      return done.error();
    return value;
  }

  std::unique_ptr<attn_library, Close> lib;
};

} // namespace attn

#endif // ATTN_RUNTIME_HPP
