//===- RaiseTorch.cpp - PyTorch's scaled_dot_product_attention --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `torch.aten.scaled_dot_product_attention` as torch-mlir prints it: query,
// key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa. What they
// mean is in the documentation of
// torch.nn.functional.scaled_dot_product_attention (PyTorch 2.5 and later):
// `is_causal` is a lower triangle from the first token on (`tril(ones(L, S))`),
// and `enable_gqa` repeats each KV head in a run.
//
//===----------------------------------------------------------------------===//

#include "RaiseForeign.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

namespace {
enum Operand {
  Query,
  Key,
  Values,
  Mask,
  Dropout,
  IsCausal,
  Scale,
  EnableGqa,
  NumOperands
};

struct RaiseTorchAttention : RaiseForeignPattern {
  using RaiseForeignPattern::RaiseForeignPattern;
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override;
};
} // namespace

/// The `value` of the torch.constant op that makes the operand.
template <typename AttrT>
static AttrT constantOperand(ForeignOp &op, Operand index, StringRef name) {
  Value value = op.operand(index);
  Operation *def = value ? value.getDefiningOp() : nullptr;
  auto attribute =
      def ? dyn_cast_or_null<AttrT>(ForeignOp(def).attribute("value"))
          : AttrT();
  op.refuseIf(value && !attribute, name + " is no constant");
  return attribute;
}

/// The builtin tensor behind a torch value.
static Value toTensor(OpBuilder &b, Location loc, Value value) {
  RankedTensorType type = foreignTensorType(value);
  if (value.getType() == type)
    return value;
  Operation *def = value.getDefiningOp();
  if (def && def->getName().getStringRef() == "torch_c.from_builtin_tensor" &&
      def->getOperand(0).getType() == type)
    return def->getOperand(0);
  return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
}

LogicalResult
RaiseTorchAttention::matchAndRewrite(Operation *root,
                                     PatternRewriter &rewriter) const {
  ForeignOp op(root);
  op.expectOnly({}, NumOperands, 1);
  RankedTensorType q = foreignTensorType(op.operand(Query));
  RankedTensorType k = foreignTensorType(op.operand(Key));
  RankedTensorType v = foreignTensorType(op.operand(Values));
  bool ranked = q && k && v && (q.getRank() == 3 || q.getRank() == 4) &&
                k.getRank() == q.getRank() && v.getRank() == q.getRank();
  op.refuseIf(!ranked,
              "query, key and value are not tensors of 3 or 4 known axes each");
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());
  // [B, heads, tokens, D], or [B, tokens, D] of one head.
  int64_t axes = q.getRank();
  bool heads = axes == 4;
  ForeignAttention attention{};
  attention.element = q.getElementType();
  attention.batch = q.getDimSize(0);
  attention.queries = q.getDimSize(axes - 2);
  attention.qHeads = heads ? q.getDimSize(1) : 1;
  attention.kvHeads = heads ? k.getDimSize(1) : 1;
  attention.newTokens = k.getDimSize(axes - 2);
  attention.kDim = q.getDimSize(axes - 1);
  attention.vDim = v.getDimSize(axes - 1);
  auto shape = [&](int64_t headCount, int64_t tokens, int64_t width) {
    SmallVector<int64_t> result = {attention.batch, headCount, tokens, width};
    if (!heads)
      result.erase(result.begin() + 1);
    return result;
  };
  op.expectShape("the key", op.operand(Key),
                 shape(attention.kvHeads, attention.newTokens, attention.kDim),
                 attention.element);
  op.expectShape("the value", op.operand(Values),
                 shape(attention.kvHeads, attention.newTokens, attention.vDim),
                 attention.element);
  op.expectShape("the result", root->getResult(0),
                 shape(attention.qHeads, attention.queries, attention.vDim),
                 attention.element);

  auto flag = [&](Operand index, StringRef name) {
    auto value = constantOperand<IntegerAttr>(op, index, name);
    return value && !value.getValue().isZero();
  };
  attention.causal = flag(IsCausal, "is_causal");
  bool grouped = flag(EnableGqa, "enable_gqa");
  op.refuseIf(!grouped && attention.qHeads != attention.kvHeads,
              "query, key and value differ in heads without enable_gqa");
  auto dropout = constantOperand<FloatAttr>(op, Dropout, "dropout_p");
  op.refuseIf(dropout && !dropout.getValue().isZero(), "dropout");
  auto scale = constantOperand<FloatAttr>(op, Scale, "scale");
  op.refuseIf(scale &&
                  (!scale.getValue().isFinite() || scale.getValue().isZero()),
              "the scale is not finite, or 0");
  attention.scale = scale ? scale.getValueAsDouble() : 0;
  int64_t seen = attention.alignAtFirst(op);
  if (Value mask = op.operand(Mask)) {
    std::optional<ConstantMask> constant =
        readConstantMask(mask, attention.queries, attention.newTokens);
    op.refuseIf(!constant, "attn_mask is no constant of the causal or windowed "
                           "kind, or shapes are unknown");
    op.refuseIf(attention.causal, "is_causal and attn_mask together");
    if (constant) {
      attention.causal = constant->causal;
      attention.window = constant->window;
    }
  }
  attention.check(op);
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());

  Location loc = root->getLoc();
  Reassociation oneHead = {{0}, {1, 2}, {3}};
  auto tokensFirst = [&](Value value) -> Value {
    value = toTensor(rewriter, loc, value);
    if (heads)
      return transpose(rewriter, loc, value, {0, 2, 1, 3});
    auto type = cast<RankedTensorType>(value.getType());
    return tensor::ExpandShapeOp::create(
        rewriter, loc,
        RankedTensorType::get(
            {type.getDimSize(0), type.getDimSize(1), 1, type.getDimSize(2)},
            type.getElementType()),
        value, oneHead);
  };
  Value query = tokensFirst(op.operand(Query));
  Value key =
      takeSlice(rewriter, loc, tokensFirst(op.operand(Key)), 1, 0, seen);
  Value value =
      takeSlice(rewriter, loc, tokensFirst(op.operand(Values)), 1, 0, seen);
  Value output = buildAttend(rewriter, loc, attention, query, key, value,
                             /*lens=*/Value(), /*sinks=*/Value());
  done(output.getDefiningOp(), "scaled_dot_product_attention");
  output = heads ? transpose(rewriter, loc, output, {0, 2, 1, 3})
                 : Value(tensor::CollapseShapeOp::create(rewriter, loc, output,
                                                         oneHead));
  rewriter.replaceOp(
      root, castTo(rewriter, loc, output, root->getResult(0).getType()));
  return success();
}

void attn::populateRaiseTorch(RewritePatternSet &patterns,
                              Pass::Statistic &numDone,
                              Pass::Statistic &numMissed) {
  patterns.add<RaiseTorchAttention>("torch.aten.scaled_dot_product_attention",
                                    patterns.getContext(), numDone, numMissed);
}
