//===- RaiseIree.cpp - IREE's attention -------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `iree_linalg_ext.attention` (LinalgExtOps.td and AttentionOpDetail in IREE,
// 2025 and later): query, key, value, scale, an optional mask and the output,
// with an indexing map each. The maps say what a loop is:
//
//   B = query, key, value and output    K1 = query and key
//   M = query and output                K2 = key and value
//                                       N  = value and output
//
// M holds the query tokens, and the query heads of a KV head where it has two
// loops. The region changes a score between the scale and the mask.
//
//===----------------------------------------------------------------------===//

#include "RaiseForeign.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

namespace {
enum Operand { Query, Key, Values, Scale, Rest };

struct RaiseIreeAttention : RaiseForeignPattern {
  using RaiseForeignPattern::RaiseForeignPattern;
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override;
};

/// The loops of each kind, in the order of the query's (or the value's) axes.
struct Loops {
  SmallVector<int64_t> batch, queries, inner, tokens, outer;
};
} // namespace

static SmallVector<int64_t> loopsOf(AffineMap map) {
  SmallVector<int64_t> loops;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    loops.push_back(map.getDimPosition(i));
  return loops;
}

/// Sorts the loops by the operands that they index; none if one is of another
/// kind.
static std::optional<Loops> sortLoops(ArrayRef<int64_t> query,
                                      ArrayRef<int64_t> key,
                                      ArrayRef<int64_t> value,
                                      ArrayRef<int64_t> output) {
  Loops loops;
  auto in = [](ArrayRef<int64_t> list, int64_t loop) {
    return llvm::is_contained(list, loop);
  };
  for (int64_t loop : query) {
    bool k = in(key, loop), v = in(value, loop), o = in(output, loop);
    if (k && v && o)
      loops.batch.push_back(loop);
    else if (k && !v && !o)
      loops.inner.push_back(loop);
    else if (!k && !v && o)
      loops.queries.push_back(loop);
    else
      return std::nullopt;
  }
  for (int64_t loop : value) {
    if (in(query, loop))
      continue;
    bool k = in(key, loop), o = in(output, loop);
    if (k == o)
      return std::nullopt;
    (k ? loops.tokens : loops.outer).push_back(loop);
  }
  size_t sorted = loops.batch.size() + loops.inner.size();
  if (key.size() != sorted + loops.tokens.size() ||
      output.size() !=
          loops.batch.size() + loops.queries.size() + loops.outer.size())
    return std::nullopt;
  return loops;
}

/// The axes of an operand in the order of `wanted` loops.
static SmallVector<int64_t> axesOf(ArrayRef<int64_t> loops,
                                   ArrayRef<int64_t> wanted) {
  return llvm::map_to_vector(wanted, [&](int64_t loop) {
    return static_cast<int64_t>(llvm::find(loops, loop) - loops.begin());
  });
}

/// True if the region yields its argument.
static bool isIdentity(Operation *op) {
  if (op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock())
    return false;
  Block &block = op->getRegion(0).front();
  return block.getNumArguments() == 1 && llvm::hasSingleElement(block) &&
         block.front().getName().getStringRef() == "iree_linalg_ext.yield" &&
         block.front().getNumOperands() == 1 &&
         block.front().getOperand(0) == block.getArgument(0);
}

LogicalResult
RaiseIreeAttention::matchAndRewrite(Operation *root,
                                    PatternRewriter &rewriter) const {
  ForeignOp op(root);
  // The decomposition's and the lowering's hints change no value.
  op.expectOnly({"indexing_maps", "decomposition_config", "lowering_config",
                 "operandSegmentSizes"},
                Rest + 2, 1);
  unsigned count = root->getNumOperands();
  auto maps = dyn_cast_or_null<ArrayAttr>(op.attribute("indexing_maps"));
  bool shaped = maps && maps.size() == count && count >= Rest + 1 &&
                llvm::all_of(maps, [&](Attribute map) {
                  auto first = dyn_cast<AffineMapAttr>(maps[0]);
                  auto own = dyn_cast<AffineMapAttr>(map);
                  return first && own &&
                         own.getAffineMap().isProjectedPermutation() &&
                         own.getAffineMap().getNumDims() ==
                             first.getAffineMap().getNumDims();
                });
  op.refuseIf(!shaped, "no indexing map that permutes axes for each operand");
  op.refuseIf(count == Rest + 2, "a mask operand");
  op.refuseIf(!isIdentity(root), "the region changes the scores");
  op.refuseIf(!op.operand(Query) || !op.operand(Key) || !op.operand(Values),
              "query, key or value is missing");
  Value factor = op.operand(Scale);
  APFloat scale(0.0);
  op.refuseIf(!factor || !isa<FloatType>(factor.getType()) ||
                  !matchPattern(factor, m_ConstantFloat(&scale)),
              "the scale is no constant");
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());

  auto map = [&](unsigned index) {
    return loopsOf(cast<AffineMapAttr>(maps[index]).getAffineMap());
  };
  SmallVector<int64_t> query = map(Query), key = map(Key), value = map(Values);
  SmallVector<int64_t> output = map(count - 1);
  std::optional<Loops> loops = sortLoops(query, key, value, output);
  bool grouped = loops && loops->queries.size() == 2;
  op.refuseIf(!loops || loops->batch.empty() || loops->batch.size() > 2 ||
                  loops->queries.empty() || loops->queries.size() > 2 ||
                  (grouped && loops->batch.size() != 2) ||
                  loops->inner.size() != 1 || loops->tokens.size() != 1 ||
                  loops->outer.size() != 1,
              "the loops are not batch, heads, tokens and widths");
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());

  // Extents of loops, as the operands tell them.
  SmallVector<int64_t> extents(
      cast<AffineMapAttr>(maps[0]).getAffineMap().getNumDims(),
      ShapedType::kDynamic);
  auto readExtents = [&](StringRef name, Value operand,
                         ArrayRef<int64_t> axes) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    bool fits = type && type.getRank() == static_cast<int64_t>(axes.size());
    op.refuseIf(!fits, name + " is no tensor with its map's axes");
    for (auto [axis, loop] : llvm::enumerate(axes)) {
      if (!fits || type.isDynamicDim(axis))
        continue;
      op.refuseIf(!ShapedType::isDynamic(extents[loop]) &&
                      extents[loop] != type.getDimSize(axis),
                  "extents of one loop differ");
      extents[loop] = type.getDimSize(axis);
    }
  };
  readExtents("the query", op.operand(Query), query);
  readExtents("the key", op.operand(Key), key);
  readExtents("the value", op.operand(Values), value);
  readExtents("the result", root->getResult(0), output);
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());

  ForeignAttention attention{};
  attention.element = getElementTypeOrSelf(op.operand(Query).getType());
  for (Value other :
       {op.operand(Key), op.operand(Values), Value(root->getResult(0))})
    op.refuseIf(getElementTypeOrSelf(other.getType()) != attention.element,
                "element types differ");
  int64_t group = grouped ? extents[loops->queries[0]] : 1;
  op.refuseIf(ShapedType::isDynamic(group), "the number of heads is unknown");
  bool heads = loops->batch.size() == 2;
  attention.batch = extents[loops->batch[0]];
  attention.kvHeads = heads ? extents[loops->batch[1]] : 1;
  attention.qHeads = ShapedType::isDynamic(attention.kvHeads)
                         ? attention.kvHeads
                         : attention.kvHeads * group;
  attention.queries = extents[loops->queries.back()];
  attention.newTokens = extents[loops->tokens[0]];
  attention.kDim = extents[loops->inner[0]];
  attention.vDim = extents[loops->outer[0]];
  attention.scale = FloatAttr::get(factor.getType(), scale).getValueAsDouble();
  op.refuseIf(attention.scale == 0, "the scale is 0");
  attention.check(op);
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());

  // [batch, tokens, heads, (group,) width], or [batch, tokens, width].
  Location loc = root->getLoc();
  auto order = [&](int64_t tokens, bool withGroup, int64_t width) {
    SmallVector<int64_t> wanted = {loops->batch[0], tokens};
    if (heads)
      wanted.push_back(loops->batch[1]);
    if (withGroup)
      wanted.push_back(loops->queries[0]);
    wanted.push_back(width);
    return wanted;
  };
  auto withHeadAxis = [&](Value value) -> Value {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() == 4)
      return value;
    if (type.getRank() == 5)
      return tensor::CollapseShapeOp::create(
          rewriter, loc, value, Reassociation{{0}, {1}, {2, 3}, {4}});
    return tensor::ExpandShapeOp::create(
        rewriter, loc,
        RankedTensorType::get(
            {type.getDimSize(0), type.getDimSize(1), 1, type.getDimSize(2)},
            type.getElementType()),
        value, Reassociation{{0}, {1}, {2, 3}});
  };
  auto read = [&](Operand index, ArrayRef<int64_t> axes,
                  ArrayRef<int64_t> wanted) {
    return withHeadAxis(
        transpose(rewriter, loc, op.operand(index), axesOf(axes, wanted)));
  };
  Value q = read(Query, query,
                 order(loops->queries.back(), grouped, loops->inner[0]));
  Value k = read(Key, key, order(loops->tokens[0], false, loops->inner[0]));
  Value v =
      read(Values, value, order(loops->tokens[0], false, loops->outer[0]));
  Value result = buildAttend(rewriter, loc, attention, q, k, v,
                             /*lens=*/Value(), /*sinks=*/Value());
  done(result.getDefiningOp(), "iree_linalg_ext.attention");
  SmallVector<int64_t> resultLoops =
      order(loops->queries.back(), grouped, loops->outer[0]);
  auto resultType = cast<RankedTensorType>(result.getType());
  if (grouped)
    result = tensor::ExpandShapeOp::create(
        rewriter, loc,
        RankedTensorType::get({resultType.getDimSize(0),
                               resultType.getDimSize(1), attention.kvHeads,
                               group, attention.vDim},
                              attention.element),
        result, Reassociation{{0}, {1}, {2, 3}, {4}});
  else if (!heads)
    result = tensor::CollapseShapeOp::create(rewriter, loc, result,
                                             Reassociation{{0}, {1}, {2, 3}});
  result = transpose(rewriter, loc, result, axesOf(resultLoops, output));
  rewriter.replaceOp(
      root, castTo(rewriter, loc, result, root->getResult(0).getType()));
  return success();
}

void attn::populateRaiseIree(RewritePatternSet &patterns,
                             Pass::Statistic &numDone,
                             Pass::Statistic &numMissed) {
  patterns.add<RaiseIreeAttention>("iree_linalg_ext.attention",
                                   patterns.getContext(), numDone, numMissed);
}
