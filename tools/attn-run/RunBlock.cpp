//===- RunBlock.cpp - Run a model's latent attention block ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunBlock.h"
#include "../common/LatentForms.h"

#include "attn/Harness/Check.h"
#include "attn/Harness/LatentProblem.h"
#include "attn/Target/SharedLayout.h"
#include "llvm/Support/FormatVariadic.h"

#include <chrono>

using namespace attn;
using namespace attn::harness;

llvm::Expected<bool> attn::runBlock(mlir::MLIRContext *context,
                                    const model::LatentBlockSpec &spec,
                                    const RunOptions &runOptions,
                                    const BlockRun &run,
                                    llvm::json::Array &records) {
  // A GPU's kernel decompresses once for all query rows of a CTA, the prices
  // once for all query tokens.
  bool fused =
      runOptions.device == "cpu" || run.block.queries <= nvvm::kMaxQueryRows;
  llvm::Expected<Form> chosen =
      run.form ? *run.form
               : chooseForm(context, spec, run.block, run.machine, fused);
  if (!chosen)
    return chosen.takeError();
  auto forms = LatentForms::create(context, spec, run.block, run.decode,
                                   *chosen, runOptions.scoreRest);
  if (!forms)
    return forms.takeError();
  AttendOp attend = forms->attend();
  auto device = Device::create(runOptions, *forms->kernel);
  if (!device)
    return device.takeError();
  ProblemOptions options;
  options.lens.assign(run.block.batch, run.block.context);
  options.page = run.decode.page;
  options.seed = run.seed;
  auto problem = LatentProblem::create(attend, options);
  if (!problem)
    return problem.takeError();
  attn_decode_params attention = (*problem)->attention().params();
  attn_mla_params params = (*problem)->params();
  auto start = std::chrono::steady_clock::now();
  if (llvm::Error error = (*device)->decode(params, attention))
    return std::move(error);
  double us = std::chrono::duration<double, std::micro>(
                  std::chrono::steady_clock::now() - start)
                  .count();
  LatentAttr dims = (*problem)->dims();
  llvm::StringRef form = stringifyForm(*attend.getForm());
  llvm::outs() << llvm::formatv(
      "{0}_block: {1} heads{14}, rank {2} + {3}, nope {4}, v {5}, batch {6}, "
      "{7} query tokens over {8}: {9}\n  {10}: compiled in {11:f0} ms{12}, "
      "first call {13:f0} us\n",
      spec.modelType, attend.getHeads().getQ(), dims.getRank(), dims.getRope(),
      dims.getNope(), dims.getV(), run.block.batch, run.block.queries,
      run.block.context, form, (*device)->name, (*device)->compileSeconds * 1e3,
      (*device)->codeBytes
          ? llvm::formatv(" ({0} bytes)", (*device)->codeBytes).str()
          : "",
      us,
      dims.getGroups() == 1
          ? ""
          : llvm::formatv(" of {0} groups", dims.getGroups()).str());
  llvm::json::Object record{{"kernel", spec.modelType + "_block"},
                            {"form", form},
                            {"isa", (*device)->name},
                            {"threads", runOptions.threads.getValue()},
                            {"first_call_us", us}};
  bool ok = true;
  if (run.check) {
    auto oracle = Oracle::create(
        forms->function(forms->original), forms->function(forms->rewritten),
        (*problem)->interpreterArguments(), attention.dtype);
    if (!oracle)
      return oracle.takeError();
    CheckResult result =
        oracle->check([&](size_t i) { return (*problem)->output(i); },
                      (*problem)->attention().lse.data());
    ok = result.ok();
    llvm::outs() << llvm::formatv(
        "  max error {0:e2} ({1:f0} % of what a row may be off), 1-cos {2:e2}: "
        "{3}\n",
        result.maxError, 100 * result.share, result.cosine,
        ok ? "ok" : "FAILED: " + result.failure);
    record["max_error"] = result.maxError;
    record["share_of_limit"] = result.share;
    record["one_minus_cos"] = result.cosine;
    record["ok"] = ok;
  }
  records.push_back(std::move(record));
  return ok;
}
