//===-- GpuLibrary.cpp - A library of GPU kernels -------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuLibrary.h"

#include "Error.h"
#include "attn_layout.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace attn::runtime;

int32_t attn::runtime::getHostLevel(const attn_library *lib) {
  return lib->gpu ? ATTN_ISA_GPU + lib->gpu->launcher.arch : attn_cpu_isa();
}

// Of a grid in y and z, and of a CTA.
static constexpr int32_t kMaxGrid = 65535, kMaxThreads = 1024;

static bool isIn(int32_t value, int32_t maximum) {
  return value >= 1 && value <= maximum;
}

/// What is wrong with a kernel's description; null if nothing is.
static const char *findDefect(const attn_gpu_kernel_desc &desc) {
  if (desc.struct_size != sizeof(attn_gpu_kernel_desc))
    return "struct_size";
  if (!desc.name || !desc.plan || !desc.decode || !desc.combine)
    return "name";
  if (desc.arch < 1)
    return "arch";
  if (desc.dtype != ATTN_BF16 && desc.dtype != ATTN_F16)
    return "dtype";
  if (desc.layout != ATTN_LAYOUT_ROW)
    return "layout";
  if (!isIn(attn_gpu_heads(&desc), kMaxGrid) || desc.kv_heads < 1 ||
      desc.q_heads < 1 || desc.q_heads % desc.kv_heads)
    return "head count";
  if (desc.k_dim < 1 || desc.v_dim < 1 ||
      ((desc.flags & ATTN_KERNEL_V_IN_K) && desc.v_dim > desc.k_dim))
    return "row width";
  bool decompresses = desc.flags & ATTN_KERNEL_DECOMPRESS;
  bool keyRest =
      (desc.flags & ATTN_KERNEL_REST) && !(desc.flags & ATTN_KERNEL_V_IN_K);
  if (decompresses
          ? desc.nope < 1 || desc.v < 1 || !(desc.flags & ATTN_KERNEL_V_IN_K)
          : (desc.nope && !keyRest) || desc.v)
    return "decompression";
  if (keyRest && (desc.nope < 1 || 2 * int64_t(desc.nope) > desc.k_dim))
    return "rest";
  if (desc.q_len < 1 || desc.kv_tile < 1)
    return "tile";
  if (desc.window < 0)
    return "window";
  if (!std::isfinite(desc.scale) || !std::isfinite(desc.softcap))
    return "scale or softcap";
  if (!isIn(desc.threads, kMaxThreads) ||
      !isIn(desc.plan_threads, kMaxThreads) ||
      !isIn(desc.combine_threads, kMaxThreads))
    return "number of threads";
  if (!isIn(desc.row_blocks, kMaxGrid) ||
      !isIn(desc.combine_blocks, kMaxGrid) || desc.ctas_per_sm < 1)
    return "grid";
  if (desc.shared_bytes < 0)
    return "shared_bytes";
  return nullptr;
}

static const char *findDefect(const attn_gpu_project_desc &desc) {
  if (desc.struct_size != sizeof(attn_gpu_project_desc))
    return "struct_size";
  if (!desc.name)
    return "name";
  if (desc.arch < 1)
    return "arch";
  if (!attn_dtype_size(desc.dtype) ||
      (desc.in_dtype != desc.dtype && desc.in_dtype != ATTN_F32))
    return "dtype";
  if (!isIn(desc.heads, kMaxGrid))
    return "head count";
  if (desc.k_dim < 1 || desc.n_dim < 1)
    return "width";
  if (!isIn(desc.threads, kMaxThreads))
    return "number of threads";
  if (desc.column_blocks < 1)
    return "grid";
  if (desc.shared_bytes < 0)
    return "shared_bytes";
  return nullptr;
}

static attn_project_desc makeView(const attn_gpu_project_desc &desc) {
  attn_project_desc view = {};
  view.struct_size = sizeof view;
  view.flags = desc.flags;
  view.name = desc.name;
  view.isa = ATTN_ISA_GPU + desc.arch;
  view.dtype = desc.dtype;
  view.in_dtype = desc.in_dtype;
  view.heads = desc.heads;
  view.k_dim = desc.k_dim;
  view.n_dim = desc.n_dim;
  return view;
}

static attn_kernel_desc makeView(const attn_gpu_kernel_desc &desc) {
  attn_kernel_desc view = {};
  view.struct_size = sizeof view;
  view.flags = desc.flags;
  view.name = desc.name;
  view.isa = ATTN_ISA_GPU + desc.arch;
  view.dtype = desc.dtype;
  view.layout = desc.layout;
  view.q_heads = desc.q_heads;
  view.kv_heads = desc.kv_heads;
  view.k_dim = desc.k_dim;
  view.v_dim = desc.v_dim;
  view.q_len = desc.q_len;
  view.kv_tile = desc.kv_tile;
  view.page_multiple = 1;
  view.window = desc.window;
  view.scale = desc.scale;
  view.softcap = desc.softcap;
  view.nope = desc.nope;
  view.v = desc.v;
  return view;
}

static attn_status checkTable(const attn_gpu_kernel_table &table) {
  if (table.abi_version != ATTN_GPU_ABI_VERSION)
    return fail(ATTN_ERROR_LIBRARY_ABI,
                "the GPU kernel table has ABI version %u, this runtime has %d",
                table.abi_version, ATTN_GPU_ABI_VERSION);
  if (table.num_kernels && !table.kernels)
    return fail(ATTN_ERROR_LIBRARY_TABLE,
                "the GPU kernel table has no kernels");
  for (uint32_t i = 0; i < table.num_kernels; ++i)
    if (const char *defect = findDefect(table.kernels[i]))
      return fail(ATTN_ERROR_LIBRARY_TABLE, "GPU kernel %u has an invalid %s",
                  i, defect);
  if (table.num_projections && !table.projections)
    return fail(ATTN_ERROR_LIBRARY_TABLE,
                "the GPU kernel table has no projections");
  for (uint32_t i = 0; i < table.num_projections; ++i)
    if (const char *defect = findDefect(table.projections[i]))
      return fail(ATTN_ERROR_LIBRARY_TABLE,
                  "GPU projection %u has an invalid %s", i, defect);
  return ATTN_OK;
}

static attn_status checkLauncher(const attn_gpu_launcher &launcher) {
  if (launcher.struct_size != sizeof(attn_gpu_launcher))
    return fail(ATTN_ERROR_STRUCT_SIZE,
                "attn_gpu_launcher has struct_size %u; this runtime knows %zu",
                launcher.struct_size, sizeof(attn_gpu_launcher));
  if (!launcher.load || !launcher.launch || !launcher.unload ||
      !launcher.load_projection)
    return fail(ATTN_ERROR_NULL_POINTER, "a launcher's function is null");
  if (launcher.sms < 1 || launcher.sms > INT32_MAX)
    return fail(ATTN_ERROR_VALUE, "the launcher has no multiprocessors");
  return ATTN_OK;
}

/// Null where there is no memory.
static gpu::Kernels *allocate(const attn_gpu_kernel_table &from) {
  size_t kernels = from.num_kernels, projections = from.num_projections;
  size_t bytes = sizeof(gpu::Kernels) + kernels * sizeof(attn_kernel_desc) +
                 projections * sizeof(attn_project_desc) +
                 (kernels + projections) * sizeof(attn_gpu_functions);
  auto *result = static_cast<gpu::Kernels *>(calloc(1, bytes));
  if (!result)
    return nullptr;
  auto *views = reinterpret_cast<attn_kernel_desc *>(result + 1);
  auto *projectViews = reinterpret_cast<attn_project_desc *>(views + kernels);
  result->descs = from.kernels;
  result->projections = from.projections;
  result->functions =
      reinterpret_cast<attn_gpu_functions *>(projectViews + projections);
  result->table.abi_version = ATTN_KERNEL_ABI_VERSION;
  result->table.num_kernels = from.num_kernels;
  result->table.kernels = views;
  result->table.num_projections = from.num_projections;
  result->table.projections = projectViews;
  for (size_t i = 0; i < kernels; ++i)
    views[i] = makeView(from.kernels[i]);
  for (size_t i = 0; i < projections; ++i)
    projectViews[i] = makeView(from.projections[i]);
  return result;
}

static bool isLoaded(const attn_gpu_functions &functions) {
  return functions.decode || functions.project;
}

void gpu::unload(Kernels *kernels) {
  if (!kernels)
    return;
  uint32_t count = kernels->table.num_kernels + kernels->table.num_projections;
  for (uint32_t i = 0; i < count; ++i)
    if (isLoaded(kernels->functions[i]))
      kernels->launcher.unload(kernels->launcher.context,
                               &kernels->functions[i]);
  free(kernels);
}

/// The best kernel of the name that the GPU can run and that was not found to
/// be for others: of the highest arch, and of those the table's first. -1 if
/// there is none.
template <typename Desc, typename View>
static int64_t findBest(const Desc *descs, const View *views, uint32_t count,
                        const char *name, int32_t arch) {
  int64_t best = -1;
  for (uint32_t i = 0; i < count; ++i)
    if (strcmp(descs[i].name, name) == 0 &&
        views[i].isa <= ATTN_ISA_GPU + arch &&
        (best < 0 || descs[i].arch > descs[best].arch))
      best = i;
  return best;
}

/// Loads of each name the best kernel, or projection. Code for other GPUs alone
/// (sm_90a on a GPU of another generation) is passed over, for what suits older
/// ones. `views` stand for `descs`.
template <typename Desc, typename View>
static attn_status loadBest(const attn_gpu_launcher &launcher,
                            attn_status (*load)(void *, const Desc *,
                                                attn_gpu_functions *),
                            const Desc *descs, const View *views,
                            uint32_t count, attn_gpu_functions *functions) {
  for (uint32_t each = 0; each < count; ++each) {
    const char *name = descs[each].name;
    int64_t i = findBest(descs, views, count, name, launcher.arch);
    while (i >= 0 && !isLoaded(functions[i])) {
      attn_status status = load(launcher.context, &descs[i], &functions[i]);
      if (status == ATTN_OK)
        break;
      if (status != ATTN_ERROR_CPU_FEATURE)
        return status;
      const_cast<View &>(views[i]).isa =
          ATTN_ISA_GPU + gpu::kOtherGpu + descs[i].arch;
      i = findBest(descs, views, count, name, launcher.arch);
    }
  }
  return ATTN_OK;
}

static attn_status load(gpu::Kernels &kernels) {
  const attn_kernel_table &table = kernels.table;
  ATTN_TRY(loadBest(kernels.launcher, kernels.launcher.load, kernels.descs,
                    table.kernels, table.num_kernels, kernels.functions));
  return loadBest(kernels.launcher, kernels.launcher.load_projection,
                  kernels.projections, table.projections, table.num_projections,
                  kernels.functions + table.num_kernels);
}

attn_status attn_library_from_gpu_table(const attn_gpu_kernel_table *table,
                                        const attn_gpu_launcher *launcher,
                                        attn_library **lib) {
  if (!table || !launcher || !lib)
    return fail(ATTN_ERROR_NULL_POINTER,
                "attn_library_from_gpu_table: null argument");
  *lib = nullptr;
  ATTN_TRY(checkTable(*table));
  ATTN_TRY(checkLauncher(*launcher));
  gpu::Kernels *kernels = allocate(*table);
  auto *result = static_cast<attn_library *>(malloc(sizeof(attn_library)));
  if (!kernels || !result) {
    free(kernels);
    free(result);
    return fail(ATTN_ERROR_OUT_OF_MEMORY, "out of memory for a library");
  }
  kernels->launcher = *launcher;
  attn_status status = load(*kernels);
  if (status) {
    gpu::unload(kernels);
    free(result);
    return status;
  }
  *result = {nullptr, &kernels->table, kernels};
  *lib = result;
  return ATTN_OK;
}
