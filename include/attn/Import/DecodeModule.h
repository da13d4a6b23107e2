//===- DecodeModule.h - From a model's facts to attn IR ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_IMPORT_DECODEMODULE_H
#define ATTN_IMPORT_DECODEMODULE_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Model/ModelSpec.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace attn {

/// What a model's config.json does not say about its decode kernels.
struct DecodeOptions {
  enum class Element { BF16, F16, F32 };
  Element element = Element::BF16;
  Layout layout = Layout::Row;
  /// Tokens per block; KVCacheType::kContiguous or kDynamicPage too.
  int64_t page = 64;
  int64_t qLen = 1; ///< query tokens per sequence
  bool lse = true;  ///< return the log-sum-exp as well
};

/// `bf16`, `f16` or `f32`.
std::optional<DecodeOptions::Element> parseElement(llvm::StringRef name);
mlir::Type elementType(mlir::Builder &builder, DecodeOptions::Element element);

/// Parses `gqa:32/8/128`, `mha:32/128`, `mqa:32/128` (query heads, KV heads,
/// width of a head; `192+128` for widths of K and V that differ),
/// `mla:128/512+64` (query heads, rank, rotary suffix) or `gla:128/2/256+64`
/// (query heads, latent rows a token, rank and rotary suffix of each). A head
/// of latent attention is DeepSeek's: 128 elements without position, 128 of the
/// value, a scale of 1 / sqrt(128 + rotary).
llvm::Expected<model::AttentionSpec> parseShape(llvm::StringRef shape);

/// One function named `name` that attends as `spec` says:
/// `(query, cache[, sinks]) -> (output[, lse])` with a dynamic batch.
/// Refused: attention that no op here expresses (chunks, sparse indices), and
/// layouts or pages that the cache type refuses.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildDecodeModule(mlir::MLIRContext *context, const model::AttentionSpec &spec,
                  llvm::StringRef name, const DecodeOptions &options);

} // namespace attn

#endif // ATTN_IMPORT_DECODEMODULE_H
