//===- Json.h - Parsing JSON as Python writes it ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_MODEL_JSON_H
#define ATTN_MODEL_JSON_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace attn::model {

/// Parses JSON as Python writes it: NaN, Infinity and -Infinity become strings,
/// so that they fail as a wrong type only where somebody reads them. Nesting
/// and size are bounded (LLVM's parser recurses).
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text);

/// A value as an error message shows it: shortened JSON.
std::string describe(const llvm::json::Value &value);

} // namespace attn::model

#endif // ATTN_MODEL_JSON_H
