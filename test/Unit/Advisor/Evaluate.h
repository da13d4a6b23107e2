//===- Evaluate.h - A calculator for workings -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Works out what a report's working says, so that tests can hold the number
// beside it to that.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_ADVISOR_EVALUATE_H
#define ATTN_TEST_UNIT_ADVISOR_EVALUATE_H

#include "llvm/ADT/StringRef.h"
#include <optional>

/// The value of `text`: numbers, + - * / ( ), min, max, ceil, floor with
/// commas. None where it is nothing of the kind.
std::optional<double> evaluate(llvm::StringRef text);

#endif // ATTN_TEST_UNIT_ADVISOR_EVALUATE_H
