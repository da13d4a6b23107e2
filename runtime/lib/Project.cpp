//===-- Project.cpp - attn_project ----------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Project.h"

#include "Check.h"
#include "Plan.h"
#include "ThreadPool.h"
#include "attn_layout.h"
#include "gpu/GpuProject.h"

#include <algorithm>
#include <cinttypes>

using namespace attn::runtime;

// The struct is an ABI: it may only grow, at its end.
static_assert(sizeof(attn_project_params) == 144);
static constexpr size_t kFirstSize = 136;

namespace {

using ShareFunction = void (*)(const ProjectShare &);

/// A checked call, ready to run.
struct ProjectJob {
  const attn_project_params *params;
  ShareFunction run;
  int64_t threads;
};

} // namespace

/// Outputs of a head that stay with one thread.
constexpr int64_t kOutputs = 128;

/// The code for a level; null below AVX2.
static ShareFunction getFunction(int32_t isa) {
#if defined(__x86_64__)
  return isa >= ATTN_ISA_AVX512 ? projectShareAvx512
         : isa >= ATTN_ISA_AVX2 ? projectShareAvx2
                                : nullptr;
#else
  (void)isa;
  return nullptr;
#endif
}

static attn_status checkWeight(const attn_project_params &p, int64_t size) {
  ATTN_TRY(checkPointer("weight", p.weight, size));
  if (p.weight_stride_in != 1 && p.weight_stride_out != 1)
    return fail(ATTN_ERROR_STRIDE,
                "weight has strides %" PRId64 " and %" PRId64
                ", of which one must be 1",
                p.weight_stride_in, p.weight_stride_out);
  return checkStrides("weight", 1, size, Access::Read,
                      {{p.heads, p.weight_stride_head},
                       {p.in_dim, p.weight_stride_in},
                       {p.out_dim, p.weight_stride_out}});
}

static attn_status checkTensors(const attn_project_params &p) {
  int64_t size = attn_dtype_size(p.dtype);
  ATTN_TRY(checkPointer("in", p.in, size));
  ATTN_TRY(
      checkStrides("in", p.in_dim, size, Access::Read,
                   {{p.rows, p.in_stride_row}, {p.heads, p.in_stride_head}}));
  ATTN_TRY(checkWeight(p, size));
  ATTN_TRY(checkPointer("out", p.out, size));
  return checkStrides(
      "out", p.out_dim, size, Access::Write,
      {{p.rows, p.out_stride_row}, {p.heads, p.out_stride_head}});
}

static attn_status checkFacts(const attn_project_params &p) {
  ATTN_TRY(checkFlags(p.flags, 0));
  ATTN_TRY(checkDtype(p.dtype));
  ATTN_TRY(checkIsa(p.isa));
  ATTN_TRY(checkDevice(p.device, p.stream));
  ATTN_TRY(checkMinimum("heads", p.heads, 1));
  ATTN_TRY(checkMinimum("in_dim", p.in_dim, 1));
  ATTN_TRY(checkMinimum("out_dim", p.out_dim, 1));
  return checkCount("rows", p.rows, 0);
}

/// The level to run, or the reason why there is none.
static attn_status chooseFunction(const attn_project_params &p,
                                  ShareFunction &function) {
  int32_t host = attn_cpu_isa();
  if (p.isa > host)
    return fail(ATTN_ERROR_CPU_FEATURE,
                "attn_project: %s asked of a host of %s", attn_isa_name(p.isa),
                attn_isa_name(host));
  function = getFunction(p.isa == ATTN_ISA_AUTO ? host : p.isa);
  if (!function)
    return fail(ATTN_ERROR_CPU_FEATURE,
                "attn_project needs AVX2, FMA and F16C");
  return ATTN_OK;
}

/// The outputs [begin, end) of a head.
static ProjectShare makeShare(const attn_project_params &p, int64_t head,
                              int64_t begin, int64_t end) {
  int64_t size = attn_dtype_size(p.dtype);
  auto *in = static_cast<const char *>(p.in);
  auto *weight = static_cast<const char *>(p.weight);
  auto *out = static_cast<char *>(p.out);
  ProjectShare share;
  share.dtype = p.dtype;
  share.rows = p.rows;
  share.inDim = p.in_dim;
  share.outDim = end - begin;
  share.in = in + head * p.in_stride_head * size;
  share.inStrideRow = p.in_stride_row;
  share.weight =
      weight +
      (head * p.weight_stride_head + begin * p.weight_stride_out) * size;
  share.outIsContiguous = p.weight_stride_out == 1;
  share.weightStride =
      share.outIsContiguous ? p.weight_stride_in : p.weight_stride_out;
  share.out = out + (head * p.out_stride_head + begin) * size;
  share.outStrideRow = p.out_stride_row;
  return share;
}

/// An even share of the (head, kOutputs outputs) pairs, in order.
static void runProject(void *context, int32_t thread) {
  auto *job = static_cast<ProjectJob *>(context);
  const attn_project_params &p = *job->params;
  if (thread >= job->threads)
    return;
  int64_t perHead = ceilDivide(p.out_dim, kOutputs), total = p.heads * perHead;
  int64_t end = total * (thread + 1) / job->threads;
  for (int64_t unit = total * thread / job->threads; unit < end;) {
    int64_t first = unit % perHead;
    int64_t count = std::min(perHead - first, end - unit);
    job->run(
        makeShare(p, unit / perHead, first * kOutputs,
                  std::min<int64_t>((first + count) * kOutputs, p.out_dim)));
    unit += count;
  }
}

/// Threads that are worth waking for the weights there are to read.
static int64_t countThreads(const attn_project_params &p) {
  constexpr double kBytesPerThread = 64 << 10;
  double bytes =
      double(p.heads) * p.in_dim * p.out_dim * double(attn_dtype_size(p.dtype));
  double pool = attn_pool_size(p.pool);
  return int64_t(std::clamp(bytes / kBytesPerThread, 1.0, pool));
}

attn_status attn_project(const attn_project_params *params) {
  attn_project_params p;
  ATTN_TRY(readStruct("attn_project_params", params, p, kFirstSize));
  ATTN_TRY(checkFacts(p));
  if (p.device == ATTN_DEVICE_CUDA) {
    if (p.rows == 0)
      return ATTN_OK;
    ATTN_TRY(checkTensors(p));
    return gpu::project(p);
  }
  ProjectJob job;
  ATTN_TRY(chooseFunction(p, job.run));
  if (p.rows == 0)
    return ATTN_OK;
  ATTN_TRY(checkTensors(p));
  job.params = &p;
  job.threads = countThreads(p);
  PoolSession(job.threads > 1 ? p.pool : nullptr).run(runProject, &job);
  return ATTN_OK;
}
