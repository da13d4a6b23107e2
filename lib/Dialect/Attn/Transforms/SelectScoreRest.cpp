//===- SelectScoreRest.cpp - When to keep what rounding leaves --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Latent.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Dialect/Attn/Transforms/ScoreRest.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace attn {
#define GEN_PASS_DEF_ATTNSELECTSCOREREST
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// What rules a rest out; empty if nothing does.
static std::string reasonAgainst(AttendOp attend) {
  Type element = attend.getQuery().getType().getElementType();
  if (!element.isBF16())
    return llvm::formatv("{0} is rounded to {1} bits", element,
                         element.isF16() ? 11 : 24);
  int64_t columns = getProjectedColumns(attend);
  if (columns % 32)
    return llvm::formatv("{0} columns are no multiple of 32", columns);
  return "";
}

namespace {
struct SelectScoreRest : attn::impl::AttnSelectScoreRestBase<SelectScoreRest> {
  using Base::Base;

  void runOnOperation() override {
    if (!llvm::is_contained({"auto", "always", "never"}, keep)) {
      getOperation()->emitError("keep is '")
          << keep << "': expected auto, always or never";
      return signalPassFailure();
    }
    WalkResult result = getOperation()->walk([&](AttendOp attend) {
      if (!attend.hasUpProjections() ||
          attend->hasAttr(tile::kScoreRestAttrName))
        return WalkResult::advance();
      return failed(select(attend)) ? WalkResult::interrupt()
                                    : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  LogicalResult select(AttendOp attend) {
    auto options = remark::RemarkOpts::name("score-rest").category("attn");
    double weight = cost::scoreRounding(attend.getScale().convertToFloat(),
                                        attend.getLatent()->getNope());
    std::string price = llvm::formatv(
        "rounding {0} moves the output {1:f1} times as much as rounding the "
        "output itself (1 - cos, unit-normal query and keys)",
        attend.getForm() == Form::Absorbed ? "the projected query"
                                           : "decompressed keys",
        weight);
    std::string reason = reasonAgainst(attend);
    if (!reason.empty() && keep == "always")
      return attend.emitOpError("cannot keep what rounding leaves: ") << reason;
    if (reason.empty() &&
        (keep == "never" || (keep == "auto" && !cost::keepsScoreRest(weight))))
      reason = price;
    attend->setAttr(tile::kScoreRestAttrName,
                    BoolAttr::get(attend.getContext(), reason.empty()));
    if (!reason.empty()) {
      remark::missed(attend.getLoc(), options)
          << "one number of 16 bits: " + reason;
      return success();
    }
    remark::passed(attend.getLoc(), options)
        << "two numbers of 16 bits: " + price;
    ++numKept;
    return success();
  }
};
} // namespace
