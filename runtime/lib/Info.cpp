//===-- Info.cpp - What library and kernels say of themselves -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Error.h"
#include "gpu/GpuLibrary.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

using namespace attn::runtime;

const attn_build_info *attn_get_build_info(void) {
  static const attn_build_info info = {sizeof(attn_build_info),
                                       ATTN_ABI_VERSION,
                                       ATTN_KERNEL_ABI_VERSION,
                                       0,
                                       ATTN_VERSION,
                                       __VERSION__,
                                       ATTN_BUILD_TYPE,
                                       ATTN_SANITIZERS};
  return &info;
}

const char *attn_dtype_name(int32_t dtype) {
  switch (dtype) {
  case ATTN_BF16:
    return "bf16";
  case ATTN_F16:
    return "f16";
  case ATTN_F32:
    return "f32";
  default:
    return nullptr;
  }
}

const char *attn_layout_name(int32_t layout) {
  switch (layout) {
  case ATTN_LAYOUT_ROW:
    return "row";
  case ATTN_LAYOUT_OWN:
    return "own";
  default:
    return nullptr;
  }
}

namespace {

/// A JSON object, written as far as there is room and counted in full.
class JsonObject {
public:
  JsonObject(char *text, size_t capacity) : text(text), capacity(capacity) {
    append("{");
  }

  void addString(const char *key, const char *value) {
    addKey(key);
    append("\"");
    for (; *value; ++value) {
      unsigned char c = static_cast<unsigned char>(*value);
      if (c == '"' || c == '\\' || c < 0x20)
        append("\\u%04x", c);
      else
        append("%c", c);
    }
    append("\"");
  }
  /// A name, or the number of what this library has no name for.
  void addName(const char *key, const char *name, int32_t value) {
    if (name)
      addString(key, name);
    else
      addInteger(key, value);
  }
  void addInteger(const char *key, int64_t value) {
    addKey(key);
    append("%" PRId64, value);
  }
  void addFloat(const char *key, float value) {
    addKey(key);
    append("%.9g", double(value));
  }
  void addBool(const char *key, bool value) {
    addKey(key);
    append(value ? "true" : "false");
  }

  /// Closes the object and returns the length of the text.
  size_t finish() {
    append("}");
    return length;
  }

private:
  void addKey(const char *key) {
    append("%s\"%s\": ", length == 1 ? "" : ", ", key);
  }

  __attribute__((format(printf, 2, 3))) void append(const char *format, ...) {
    bool full = length >= capacity;
    va_list arguments;
    va_start(arguments, format);
    length +=
        size_t(vsnprintf(full ? nullptr : text + length,
                         full ? 0 : capacity - length, format, arguments));
    va_end(arguments);
  }

  char *text;
  size_t capacity, length = 0;
};

} // namespace

attn_status attn_library_kernel_json(const attn_library *lib, uint32_t index,
                                     char *text, size_t capacity,
                                     size_t *length) {
  if (!lib || !length || (capacity && !text))
    return fail(ATTN_ERROR_NULL_POINTER,
                "attn_library_kernel_json: null argument");
  const attn_kernel_desc *desc = attn_library_kernel(lib, index);
  if (!desc)
    return fail(ATTN_ERROR_VALUE, "kernel %u of a library of %u", index,
                attn_library_num_kernels(lib));
  JsonObject json(text, capacity);
  json.addString("name", desc->name);
  bool isGpu = gpu::isKernel(*desc);
  json.addString("device", isGpu ? "cuda" : "cpu");
  char arch[16];
  snprintf(arch, sizeof arch, "sm_%d", desc->isa - ATTN_ISA_GPU);
  json.addName("isa", isGpu ? arch : attn_isa_name(desc->isa), desc->isa);
  json.addName("dtype", attn_dtype_name(desc->dtype), desc->dtype);
  json.addName("layout", attn_layout_name(desc->layout), desc->layout);
  json.addInteger("q_heads", desc->q_heads);
  json.addInteger("kv_heads", desc->kv_heads);
  json.addInteger("k_dim", desc->k_dim);
  json.addInteger("v_dim", desc->v_dim);
  json.addInteger("q_len", desc->q_len);
  json.addInteger("kv_tile", desc->kv_tile);
  json.addInteger("page_multiple", desc->page_multiple);
  json.addInteger("window", desc->window);
  json.addFloat("scale", desc->scale);
  json.addFloat("softcap", desc->softcap);
  json.addBool("causal", desc->flags & ATTN_KERNEL_CAUSAL);
  json.addBool("sinks", desc->flags & ATTN_KERNEL_SINKS);
  json.addBool("v_in_k", desc->flags & ATTN_KERNEL_V_IN_K);
  json.addBool("score_mod", desc->flags & ATTN_KERNEL_SCORE_MOD);
  json.addBool("out_f32", desc->flags & ATTN_KERNEL_OUT_F32);
  json.addBool("emulated", desc->flags & ATTN_KERNEL_EMULATED);
  json.addBool("merge_only", !desc->kernel && !isGpu);
  json.addBool("decompress", desc->flags & ATTN_KERNEL_DECOMPRESS);
  json.addBool("rest", desc->flags & ATTN_KERNEL_REST);
  json.addInteger("nope", desc->nope);
  json.addInteger("v", desc->v);
  json.addInteger("scratch_bytes", desc->scratch_bytes);
  *length = json.finish();
  return ATTN_OK;
}
