//===- TimeKernels.h - What this machine's kernels cost ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTN_ADVISE_TIMEKERNELS_H
#define ATTN_TOOLS_ATTN_ADVISE_TIMEKERNELS_H

#include "attn/Advisor/Deployment.h"

namespace attn {

/// Times small calls of the kinds of kernels that serve the model's layers and
/// adds their costs to the setup's machine (about 5 s a kind); what it has
/// already stays. Nothing to do for layers that no kernel serves. The calls'
/// shapes do not depend on the model.
llvm::Error timeKernels(advisor::Deployment &setup,
                        const model::ModelSpec &spec);

} // namespace attn

#endif // ATTN_TOOLS_ATTN_ADVISE_TIMEKERNELS_H
