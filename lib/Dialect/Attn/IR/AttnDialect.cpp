//===- AttnDialect.cpp - Registration of the attn dialect -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

#include "attn/Dialect/Attn/IR/AttnDialect.cpp.inc"

#include "attn/Dialect/Attn/IR/AttnEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnTypes.cpp.inc"

void AttnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "attn/Dialect/Attn/IR/AttnAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "attn/Dialect/Attn/IR/AttnTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Attn/IR/AttnOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

LogicalResult HeadsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t q, int64_t kv) {
  if (q <= 0 || kv <= 0) // H1
    return emitError() << "head counts must be positive, got q = " << q
                       << ", kv = " << kv;
  if (q % kv) // H2
    return emitError() << "kv heads (" << kv << ") must divide query heads ("
                       << q << ")";
  return success();
}

LogicalResult LatentAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t rank, int64_t rope, int64_t nope,
                                 int64_t v, int64_t groups) {
  if (rank <= 0 || nope <= 0 || v <= 0 || groups <= 0 || rope < 0) // L1
    return emitError()
           << "rank, nope, v and groups must be positive and rope not negative";
  return success();
}

LogicalResult MaskAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               bool causal, int64_t window) {
  if (window < 0 || window > INT32_MAX) // M1
    return emitError() << "window must be 0 to 2147483647, got " << window;
  if (window > 0 && !causal) // M2
    return emitError() << "a window needs a causal mask";
  return success();
}

Attribute MaskAttr::parse(AsmParser &parser, Type) {
  bool causal = false;
  int64_t window = 0;
  auto parseItem = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    if (keyword == "causal") {
      causal = true;
      return success();
    }
    if (keyword == "window")
      return failure(parser.parseEqual() || parser.parseInteger(window));
    return parser.emitError(loc, "expected 'causal' or 'window'");
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseItem))
    return {};
  return parser.getChecked<MaskAttr>(parser.getContext(), causal, window);
}

void MaskAttr::print(AsmPrinter &printer) const {
  printer << "<";
  if (getCausal())
    printer << "causal";
  if (getWindow())
    printer << (getCausal() ? ", " : "") << "window = " << getWindow();
  printer << ">";
}

//===----------------------------------------------------------------------===//
// !attn.kv_cache
//===----------------------------------------------------------------------===//

LogicalResult KVCacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t heads, PartKind firstKind,
                                  int64_t firstDim, int64_t secondDim,
                                  Type elementType, int64_t page,
                                  Layout layout) {
  bool latent = firstKind == PartKind::Latent;
  if (heads <= 0) // C1
    return emitError() << "heads must be positive, got " << heads;
  if ((firstKind != PartKind::K && !latent) || firstDim <= 0 ||
      secondDim < (latent ? 0 : 1)) // C2
    return emitError() << "parts must be [k : D, v : D] or [latent : R, rope : "
                          "P] with positive widths";
  if (!elementType.isBF16() && !elementType.isF16() && !elementType.isF32())
    return emitError() << "element type must be bf16, f16 or f32, got "
                       << elementType; // C3
  if (page < kDynamicPage)             // C4
    return emitError() << "page must be positive, got " << page;
  if (layout == Layout::Own && (page <= 0 || page % 32)) // C5
    return emitError() << "layout own needs a page that is a multiple of 32";
  return success();
}

/// `<heads = H, parts = [a : N, b : M], type, page = P|?|contiguous
/// [, layout = own]>`
Type KVCacheType::parse(AsmParser &parser) {
  int64_t heads, firstDim, secondDim, page = kContiguous;
  Type elementType;
  StringRef first, second;
  Layout layout = Layout::Row;
  SMLoc partsLoc;
  if (parser.parseLess() || parser.parseKeyword("heads") ||
      parser.parseEqual() || parser.parseInteger(heads) ||
      parser.parseComma() || parser.parseKeyword("parts") ||
      parser.parseEqual() || parser.parseLSquare() ||
      parser.getCurrentLocation(&partsLoc) || parser.parseKeyword(&first) ||
      parser.parseColon() || parser.parseInteger(firstDim) ||
      parser.parseComma() || parser.parseKeyword(&second) ||
      parser.parseColon() || parser.parseInteger(secondDim) ||
      parser.parseRSquare() || parser.parseComma() ||
      parser.parseType(elementType) || parser.parseComma())
    return {};
  bool kv = first == "k" && second == "v";
  bool latent = first == "latent" && second == "rope";
  if (!kv && !latent) {
    parser.emitError(partsLoc, "parts must be [k, v] or [latent, rope]"); // C2
    return {};
  }
  if (succeeded(parser.parseOptionalKeyword("page"))) {
    SMLoc loc;
    if (parser.parseEqual() || parser.getCurrentLocation(&loc))
      return {};
    if (succeeded(parser.parseOptionalQuestion())) {
      page = kDynamicPage;
    } else {
      if (parser.parseInteger(page))
        return {};
      if (page <= 0) { // C4: 0 and -1 stand for other things in storage
        parser.emitError(loc, "page must be positive, got ") << page;
        return {};
      }
    }
  } else if (parser.parseKeyword("contiguous")) {
    return {};
  }
  if (succeeded(parser.parseOptionalComma())) {
    StringRef name;
    SMLoc loc;
    if (parser.parseKeyword("layout") || parser.parseEqual() ||
        parser.getCurrentLocation(&loc) || parser.parseKeyword(&name))
      return {};
    std::optional<Layout> parsed = symbolizeLayout(name);
    if (!parsed) {
      parser.emitError(loc, "layout must be 'row' or 'own'");
      return {};
    }
    layout = *parsed;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<KVCacheType>(
      parser.getContext(), heads, latent ? PartKind::Latent : PartKind::K,
      firstDim, secondDim, elementType, page, layout);
}

void KVCacheType::print(AsmPrinter &printer) const {
  printer << "<heads = " << getHeads() << ", parts = ["
          << (isLatent() ? "latent" : "k") << " : " << getFirstDim() << ", "
          << (isLatent() ? "rope" : "v") << " : " << getSecondDim() << "], "
          << getElementType() << ", ";
  if (!isPaged())
    printer << "contiguous";
  else if (getPage() == kDynamicPage)
    printer << "page = ?";
  else
    printer << "page = " << getPage();
  if (getLayout() != Layout::Row)
    printer << ", layout = " << stringifyLayout(getLayout());
  printer << ">";
}
