//===- Config.h - Reading config.json --------------------------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Hugging Face config.json -> ModelSpec. What is not understood is refused with
// the field's name and what was found in it, never guessed: a key that shapes
// attention but that the architecture at hand is not known to use is an error.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_MODEL_CONFIG_H
#define ATTN_MODEL_CONFIG_H

#include "attn/Model/ModelSpec.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <vector>

namespace attn::model {

/// Reads the text of a config.json. `name` becomes ModelSpec::name and opens
/// every error message. Accepts what Python's json writes, NaN and Infinity
/// included (only where no field of ours has such a value).
llvm::Expected<ModelSpec> parseConfig(llvm::StringRef text,
                                      llvm::StringRef name);

/// The text of a config.json, or of the config.json in a directory; its
/// identifier is the file's path.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readConfig(llvm::StringRef path);
/// Reads that text.
llvm::Expected<ModelSpec> loadConfig(llvm::StringRef path);

/// The values of `model_type` that parseConfig accepts, sorted.
std::vector<llvm::StringRef> supportedModelTypes();

} // namespace attn::model

#endif // ATTN_MODEL_CONFIG_H
