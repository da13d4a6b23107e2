//===- Advise.h - From a question to a report -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a question to a report.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_ADVISE_H
#define ATTN_ADVISOR_ADVISE_H

#include "attn/Advisor/Kernels.h"
#include "attn/Advisor/Report.h"

namespace attn::advisor {

/// The report on `spec`; an error where the setup does not suit the model.
/// Without `lookup` the report says nothing of this project's kernels.
llvm::Expected<Report> advise(const Deployment &setup,
                              const model::ModelSpec &spec,
                              const KernelLookup &lookup = nullptr);

/// The caches of several models beside each other.
Report compare(const Deployment &setup,
               const std::vector<model::ModelSpec> &specs);

/// How a report calls the model of a file: its name without the ending, or the
/// directory's for a config.json.
std::string displayName(llvm::StringRef path);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_ADVISE_H
