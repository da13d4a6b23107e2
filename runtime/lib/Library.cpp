//===-- Library.cpp - An opened set of kernels ----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Library.h"

#include "Error.h"
#include "attn_layout.h"
#include "gpu/GpuLibrary.h"

#include <cmath>
#include <cstdlib>
#include <dlfcn.h>

using namespace attn::runtime;

/// What is wrong with a kernel's description; null if nothing is. A level above
/// the ones this runtime knows is no defect: such a kernel is never selected.
static const char *findDefect(const attn_kernel_desc &desc) {
  if (desc.struct_size != sizeof(attn_kernel_desc))
    return "struct_size";
  if (!desc.name)
    return "name";
  if (!desc.combine) // without a kernel: merges only
    return "function pointer";
  if (!attn_dtype_size(desc.dtype))
    return "dtype";
  if (desc.layout != ATTN_LAYOUT_ROW && desc.layout != ATTN_LAYOUT_OWN)
    return "layout";
  if (desc.isa < ATTN_ISA_AVX2 || gpu::isKernel(desc))
    return "isa";
  if (desc.kv_heads < 1 || desc.q_heads < 1 || desc.q_heads % desc.kv_heads)
    return "head count";
  if (desc.k_dim < 1 || desc.v_dim < 1 ||
      ((desc.flags & ATTN_KERNEL_V_IN_K) && desc.v_dim > desc.k_dim))
    return "row width";
  if ((desc.flags & ATTN_KERNEL_DECOMPRESS) &&
      (!(desc.flags & ATTN_KERNEL_V_IN_K) || desc.nope < 1 || desc.v < 1))
    return "decompression";
  bool keyRest =
      (desc.flags & ATTN_KERNEL_REST) && !(desc.flags & ATTN_KERNEL_V_IN_K);
  if (keyRest && (desc.nope < 1 || 2 * int64_t(desc.nope) > desc.k_dim))
    return "rest";
  if (desc.q_len < 1 || desc.kv_tile < 1 || desc.page_multiple < 1)
    return "tile";
  if (desc.window < 0 || desc.scratch_bytes < 0)
    return "window or scratch_bytes";
  if (!std::isfinite(desc.scale) || !std::isfinite(desc.softcap))
    return "scale or softcap";
  return nullptr;
}

static const char *findDefect(const attn_project_desc &desc) {
  if (desc.struct_size != sizeof(attn_project_desc))
    return "struct_size";
  if (!desc.name)
    return "name";
  if (!desc.kernel)
    return "function pointer";
  if (!attn_dtype_size(desc.dtype))
    return "dtype";
  if (desc.isa < ATTN_ISA_AVX2)
    return "isa";
  if (desc.heads < 1 || desc.k_dim < 1 || desc.n_dim < 1 || desc.q_len < 0 ||
      desc.scratch_bytes < 0)
    return "shape or scratch_bytes";
  return nullptr;
}

static attn_status checkTable(const attn_kernel_table *table) {
  if (!table)
    return fail(ATTN_ERROR_LIBRARY_TABLE, "the pack's kernel table is null");
  if (table->abi_version != ATTN_KERNEL_ABI_VERSION)
    return fail(ATTN_ERROR_LIBRARY_ABI,
                "the kernel table has ABI version %u, this runtime has %d",
                table->abi_version, ATTN_KERNEL_ABI_VERSION);
  if (table->num_kernels && !table->kernels)
    return fail(ATTN_ERROR_LIBRARY_TABLE, "the kernel table has no kernels");
  for (uint32_t i = 0; i < table->num_kernels; ++i)
    if (const char *defect = findDefect(table->kernels[i]))
      return fail(ATTN_ERROR_LIBRARY_TABLE, "kernel %u has an invalid %s", i,
                  defect);
  if (table->num_projections && !table->projections)
    return fail(ATTN_ERROR_LIBRARY_TABLE,
                "the kernel table has no projections");
  for (uint32_t i = 0; i < table->num_projections; ++i)
    if (const char *defect = findDefect(table->projections[i]))
      return fail(ATTN_ERROR_LIBRARY_TABLE, "projection %u has an invalid %s",
                  i, defect);
  return ATTN_OK;
}

static attn_status makeLibrary(const attn_kernel_table *table, void *handle,
                               attn_library **lib) {
  ATTN_TRY(checkTable(table));
  auto *result = static_cast<attn_library *>(malloc(sizeof(attn_library)));
  if (!result)
    return fail(ATTN_ERROR_OUT_OF_MEMORY, "out of memory for a library");
  *result = {handle, table, nullptr};
  *lib = result;
  return ATTN_OK;
}

attn_status attn_library_open(const char *path, attn_library **lib) {
  if (!path || !lib)
    return fail(ATTN_ERROR_NULL_POINTER, "attn_library_open: null argument");
  *lib = nullptr;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(ATTN_ERROR_LIBRARY_OPEN, "%s", dlerror());
  auto getTable = reinterpret_cast<attn_pack_table_fn>(
      dlsym(handle, ATTN_PACK_TABLE_SYMBOL));
  attn_status status =
      getTable ? makeLibrary(getTable(), handle, lib)
               : fail(ATTN_ERROR_LIBRARY_SYMBOL, "%s does not export %s", path,
                      ATTN_PACK_TABLE_SYMBOL);
  if (status)
    dlclose(handle);
  return status;
}

attn_status attn_library_from_table(const attn_kernel_table *table,
                                    attn_library **lib) {
  if (!table || !lib)
    return fail(ATTN_ERROR_NULL_POINTER,
                "attn_library_from_table: null argument");
  *lib = nullptr;
  return makeLibrary(table, nullptr, lib);
}

void attn_library_close(attn_library *lib) {
  if (!lib)
    return;
  gpu::unload(lib->gpu);
  if (lib->handle)
    dlclose(lib->handle);
  free(lib);
}

uint32_t attn_library_num_kernels(const attn_library *lib) {
  return lib ? lib->table->num_kernels : 0;
}

const attn_kernel_desc *attn_library_kernel(const attn_library *lib,
                                            uint32_t index) {
  return index < attn_library_num_kernels(lib) ? &lib->table->kernels[index]
                                               : nullptr;
}

uint32_t attn_library_num_projections(const attn_library *lib) {
  return lib ? lib->table->num_projections : 0;
}

const attn_project_desc *attn_library_projection(const attn_library *lib,
                                                 uint32_t index) {
  return index < attn_library_num_projections(lib)
             ? &lib->table->projections[index]
             : nullptr;
}
