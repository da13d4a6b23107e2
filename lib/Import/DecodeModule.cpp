//===- DecodeModule.cpp - From a model's facts to attn IR -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Import/DecodeModule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace attn;

static llvm::Error refuse(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

std::optional<DecodeOptions::Element> attn::parseElement(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<DecodeOptions::Element>>(name)
      .Case("bf16", DecodeOptions::Element::BF16)
      .Case("f16", DecodeOptions::Element::F16)
      .Case("f32", DecodeOptions::Element::F32)
      .Default(std::nullopt);
}

Type attn::elementType(Builder &b, DecodeOptions::Element element) {
  return element == DecodeOptions::Element::BF16  ? Type(b.getBF16Type())
         : element == DecodeOptions::Element::F16 ? Type(b.getF16Type())
                                                  : Type(b.getF32Type());
}

/// A positive number of at most six digits.
static bool parseCount(llvm::StringRef text, int64_t &count) {
  return text.size() <= 6 && !text.getAsInteger(10, count) && count > 0;
}

/// `128`, or `192+128`.
static bool parseWidths(llvm::StringRef text, int64_t &k, int64_t &v) {
  auto [first, second] = text.split('+');
  if (!parseCount(first, k))
    return false;
  v = k;
  return !text.contains('+') || parseCount(second, v);
}

llvm::Expected<model::AttentionSpec> attn::parseShape(llvm::StringRef shape) {
  auto [kind, numbers] = shape.split(':');
  llvm::SmallVector<llvm::StringRef> parts;
  numbers.split(parts, '/');
  model::AttentionSpec spec = {};
  spec.causal = true;
  bool ok = false;
  if (kind == "gqa" && parts.size() == 3) {
    spec.variant = model::Variant::GQA;
    ok = parseCount(parts[0], spec.qHeads) &&
         parseCount(parts[1], spec.kvHeads) &&
         parseWidths(parts[2], spec.kDim, spec.vDim);
  } else if ((kind == "mha" || kind == "mqa") && parts.size() == 2) {
    spec.variant = kind == "mha" ? model::Variant::MHA : model::Variant::MQA;
    ok = parseCount(parts[0], spec.qHeads) &&
         parseWidths(parts[1], spec.kDim, spec.vDim);
    spec.kvHeads = kind == "mha" ? spec.qHeads : 1;
  } else if ((kind == "mla" && parts.size() == 2) ||
             (kind == "gla" && parts.size() == 3)) {
    spec.variant = model::Variant::MLA;
    spec.kvHeads = 1;
    int64_t rank, rope;
    ok = parseCount(parts[0], spec.qHeads) &&
         (kind == "mla" || parseCount(parts[1], spec.kvHeads)) &&
         parts.back().contains('+') && parseWidths(parts.back(), rank, rope);
    if (ok) {
      spec.kDim = rank + rope;
      spec.vDim = rank;
      spec.vInK = true;
      spec.latent = {rank, rope, /*nope=*/128, /*v=*/128, std::nullopt, false};
      spec.scale = 1 / std::sqrt(128.0 + rope);
    }
  }
  if (!ok)
    return refuse("shape '" + shape +
                  "' is none of gqa:Q/KV/D, mha:Q/D, mqa:Q/D, "
                  "mla:Q/RANK+ROPE, gla:Q/GROUPS/RANK+ROPE");
  if (spec.qHeads % spec.kvHeads)
    return refuse("shape '" + shape +
                  "': " + (spec.vInK ? "groups" : "kv heads") +
                  " must divide query heads");
  if (!spec.vInK)
    spec.scale = 1 / std::sqrt(static_cast<double>(spec.kDim));
  return spec;
}

llvm::Expected<OwningOpRef<ModuleOp>>
attn::buildDecodeModule(MLIRContext *context, const model::AttentionSpec &spec,
                        llvm::StringRef name, const DecodeOptions &options) {
  if (spec.chunk)
    return refuse(name + ": chunked attention (attention_chunk_size) has no "
                         "kernel yet");
  if (spec.sparse)
    return refuse(name + ": sparse attention (an indexer chooses the tokens) "
                         "has no kernel yet");
  context->loadDialect<AttnDialect, func::FuncDialect>();
  OpBuilder b(context);
  Location loc = b.getUnknownLoc();
  Type element = elementType(b, options.element);
  bool latent = spec.vInK;
  int64_t second = latent ? spec.kDim - spec.vDim : spec.vDim;
  std::string reason;
  auto emitError = [&]() { return mlir::emitError(loc); };
  // The type's own verifier explains what it refuses.
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
    reason = diagnostic.str();
    return success();
  });
  auto cache = KVCacheType::getChecked(emitError, context, spec.kvHeads,
                                       latent ? PartKind::Latent : PartKind::K,
                                       latent ? spec.vDim : spec.kDim, second,
                                       element, options.page, options.layout);
  if (!cache)
    return refuse(name + ": " + reason);

  constexpr int64_t dynamic = ShapedType::kDynamic;
  auto query = RankedTensorType::get(
      {dynamic, options.qLen, spec.qHeads, spec.kDim}, element);
  auto output = RankedTensorType::get(
      {dynamic, options.qLen, spec.qHeads, spec.vDim}, element);
  auto lse = RankedTensorType::get({dynamic, options.qLen, spec.qHeads},
                                   b.getF32Type());
  SmallVector<Type> arguments = {query, cache}, results = {output};
  if (spec.sinks)
    arguments.push_back(RankedTensorType::get({spec.qHeads}, b.getF32Type()));
  if (options.lse)
    results.push_back(lse);

  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module->getBody());
  auto func =
      func::FuncOp::create(b, loc, name, b.getFunctionType(arguments, results));
  Block *entry = func.addEntryBlock();
  b.setInsertionPointToStart(entry);
  MaskAttr mask;
  if (spec.causal)
    mask = MaskAttr::get(context, true, spec.window.value_or(0));
  FloatAttr softcap;
  if (spec.softcap)
    softcap = b.getF32FloatAttr(*spec.softcap);
  LatentAttr latentAttr;
  if (spec.latent)
    latentAttr = LatentAttr::get(context, spec.latent->rank, spec.latent->rope,
                                 spec.latent->nope, spec.latent->v,
                                 /*groups=*/spec.kvHeads);
  auto attend = AttendOp::create(
      b, loc, output, options.lse ? Type(lse) : Type(), entry->getArgument(0),
      entry->getArgument(1), /*value=*/Value(), /*lens=*/Value(),
      spec.sinks ? entry->getArgument(2) : Value(),
      HeadsAttr::get(context, spec.qHeads, spec.kvHeads), mask,
      b.getF32FloatAttr(spec.scale), softcap, latentAttr);
  func::ReturnOp::create(b, loc, attend.getResults());
  if (failed(verify(*module)))
    return refuse(name + ": " + reason);
  return module;
}
