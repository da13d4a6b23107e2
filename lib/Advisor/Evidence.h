//===- Evidence.h - Publications on quality ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What publications say about the quality of attention variants. Quoted, never
// extrapolated: a figure holds for the models and data that it was measured on.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ADVISOR_EVIDENCE_H
#define ATTN_LIB_ADVISOR_EVIDENCE_H

#include "attn/Advisor/Report.h"

namespace attn::advisor {

/// Rows of setting, figures, source and date.
Table evidenceTable();

} // namespace attn::advisor

#endif // ATTN_LIB_ADVISOR_EVIDENCE_H
