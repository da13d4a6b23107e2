//===- LatentBuild.cpp - Write the forms of latent attention ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatentBlock.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// `[B, T, D]` as `[B, T, 1, D]` and back: one head.
static const Reassociation &oneHead() {
  static const Reassociation indices = {{0}, {1}, {2, 3}};
  return indices;
}

namespace {
/// Builds values at one place, for one block.
class Writer {
public:
  Writer(OpBuilder &builder, const LatentBlock &block)
      : b(builder), block(block), old(block.attend), loc(old.getLoc()),
        query(tensorType(old.getQuery())), heads(old.getHeads().getQ()),
        groups(block.dims.getGroups()) {}

  LatentResults absorbed();
  LatentResults decompressed();
  LatentResults withUpProjections(Form form);

private:
  /// `shape` of the block's element type.
  RankedTensorType type(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, query.getElementType());
  }
  Value columns(Columns columns);
  Value rows(Columns columns);
  Value concat(ArrayRef<Value> parts);
  Value withOneHead(Value rows);
  Value withoutHeads(Value rows);
  Value sharedRows(const SharedPart &part);
  Value forHeads(Value rows, int64_t count);
  Value cachedRows();
  Value weightUK(bool transposed);
  AttendOp attend(Value query, Value key, Value value, int64_t kvHeads,
                  Type output, LatentAttr latent,
                  std::optional<Form> form = std::nullopt);

  OpBuilder &b;
  const LatentBlock &block;
  AttendOp old;
  Location loc;
  RankedTensorType query;
  int64_t heads, groups;
};
} // namespace

Value Writer::columns(Columns wanted) {
  Columns found = resolveColumns(wanted);
  RankedTensorType source = tensorType(found.source);
  if (found.width == source.getShape().back())
    return found.source;
  int64_t rank = source.getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, found.source);
  offsets.back() = b.getIndexAttr(found.offset);
  sizes.back() = b.getIndexAttr(found.width);
  return tensor::ExtractSliceOp::create(b, loc, found.source, offsets, sizes,
                                        strides);
}

/// The same of `[B, T, *]`, even where the source has the axis of one head; an
/// axis of several groups remains.
Value Writer::rows(Columns wanted) {
  Value value = columns(wanted);
  return tensorType(value).getRank() == 4 && groups == 1 ? withoutHeads(value)
                                                         : value;
}

/// The parts side by side. Neighbours in one tensor are read from it together:
/// the latent and the rotary key of a cached row are that row.
Value Writer::concat(ArrayRef<Value> parts) {
  SmallVector<Columns> runs;
  for (Value part : parts) {
    Columns next =
        resolveColumns({part, 0, tensorType(part).getShape().back()});
    if (!runs.empty() && runs.back().source == next.source &&
        runs.back().offset + runs.back().width == next.offset)
      runs.back().width += next.width;
    else
      runs.push_back(next);
  }
  SmallVector<Value> values;
  for (const Columns &run : runs)
    values.push_back(columns(run));
  if (values.size() == 1)
    return values.front();
  int64_t last = tensorType(parts.front()).getRank() - 1;
  return tensor::ConcatOp::create(b, loc, last, values);
}

Value Writer::withOneHead(Value rows) {
  ArrayRef<int64_t> shape = tensorType(rows).getShape();
  return tensor::ExpandShapeOp::create(
      b, loc, type({shape[0], shape[1], 1, shape[2]}), rows, oneHead());
}
Value Writer::withoutHeads(Value rows) {
  return tensor::CollapseShapeOp::create(b, loc, rows, oneHead());
}

Value Writer::sharedRows(const SharedPart &part) {
  Value value = rows(part.rows);
  if (!part.rope)
    return value;
  RopeOp rope = part.rope;
  bool hasHeads = tensorType(value).getRank() == 4;
  if (!hasHeads)
    value = withOneHead(value);
  value = RopeOp::create(b, loc, value.getType(), value, rope.getPositions(),
                         rope.getThetaAttr(), rope.getFrequenciesAttr(),
                         b.getI64IntegerAttr(part.ropeOffset),
                         rope.getDimsAttr(), rope.getInterleavedAttr());
  return hasHeads ? value : withoutHeads(value);
}

/// The rows `[B, T, groups, rank + rope]` as a cache holds them: the parts that
/// all heads share stand behind each group's latent.
Value Writer::cachedRows() {
  SmallVector<Value> parts = {rows(block.latent)};
  for (const SharedPart &part : block.shared) {
    Value shared = sharedRows(part);
    parts.push_back(groups == 1 ? shared : forHeads(shared, groups));
  }
  Value all = concat(parts);
  return groups == 1 ? withOneHead(all) : all;
}

/// `[B, T, count, *]` of rows that all heads share, or those of a group.
Value Writer::forHeads(Value rows, int64_t count) {
  bool grouped = tensorType(rows).getRank() == 4;
  if (grouped && count == groups)
    return rows;
  int64_t axis = grouped ? 3 : 2;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, rows);
  sizes.insert(sizes.begin() + axis,
               b.getIndexAttr(grouped ? count / groups : count));
  Value init = tensor::EmptyOp::create(b, loc, sizes, query.getElementType());
  Value repeated =
      linalg::BroadcastOp::create(b, loc, rows, init, ArrayRef<int64_t>{axis})
          .getResult()
          .front();
  if (!grouped)
    return repeated;
  return tensor::CollapseShapeOp::create(b, loc, repeated,
                                         Reassociation{{0}, {1}, {2, 3}, {4}});
}

/// W_UK as `[H, rank, nope]`, or transposed as `[H, nope, rank]`. A weight does
/// not change: whoever loads it does the transposition once.
Value Writer::weightUK(bool transposed) {
  Value weight = columns(block.weightUK);
  if (transposed == block.weightUKTransposed)
    return weight;
  SmallVector<int64_t> permutation = {0, 2, 1};
  auto inverse = weight.getDefiningOp<linalg::TransposeOp>();
  if (inverse && inverse.getPermutation() == ArrayRef<int64_t>(permutation))
    return inverse.getInput();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, weight);
  std::swap(sizes[1], sizes[2]);
  Value init = tensor::EmptyOp::create(b, loc, sizes, query.getElementType());
  return linalg::TransposeOp::create(b, loc, weight, init, permutation)
      .getResult()
      .front();
}

/// The block's attention with other operands: the scale, mask, soft-cap, sinks,
/// lengths and score region do not depend on the form. With `form`, the op
/// brings its up-projections along.
AttendOp Writer::attend(Value query, Value key, Value value, int64_t kvHeads,
                        Type output, LatentAttr latent,
                        std::optional<Form> form) {
  SmallVector<Type> types = {output};
  if (old.getLse())
    types.push_back(old.getLse().getType());
  bool transposed =
      form == Form::Absorbed; // As the query's projection reads it
  Value upK = form ? weightUK(transposed) : Value();
  Value upV = form ? columns(block.weightUV) : Value();
  auto attend = AttendOp::create(
      b, loc, types, query, key, value, old.getLens(), old.getSinks(), upK, upV,
      HeadsAttr::get(b.getContext(), heads, kvHeads), old.getMaskAttr(),
      old.getScaleAttr(), old.getSoftcapAttr(), latent,
      form ? FormAttr::get(b.getContext(), *form) : FormAttr(),
      transposed ? b.getUnitAttr() : UnitAttr());
  IRMapping mapping;
  old.getScore().cloneInto(&attend.getScore(), mapping);
  return attend;
}

LatentResults Writer::absorbed() {
  int64_t rank = block.dims.getRank();
  RankedTensorType wide =
      type({query.getDimSize(0), query.getDimSize(1), heads, rank});
  Value nope = columns(block.queryNope);
  SmallVector<Value> queryParts = {
      ProjectOp::create(b, loc, wide, nope, weightUK(/*transposed=*/true))};
  for (const SharedPart &part : block.shared)
    queryParts.push_back(columns(part.query));
  Value newQuery = concat(queryParts);
  Value newKey = cachedRows();
  AttendOp core =
      attend(newQuery, newKey, Value(), /*kvHeads=*/groups, wide, block.dims);
  Value output = ProjectOp::create(b, loc, block.last->getResult(0).getType(),
                                   core.getOutput(), columns(block.weightUV));
  LatentResults results = {output};
  if (core.getLse())
    results.push_back(core.getLse());
  return results;
}

LatentResults Writer::decompressed() {
  Value latent = rows(block.latent);
  ArrayRef<int64_t> tokens = tensorType(latent).getShape().take_front(2);
  auto decompress = [&](Value weight, int64_t width) -> Value {
    return DecompressOp::create(
        b, loc, type({tokens[0], tokens[1], heads, width}), latent, weight);
  };
  SmallVector<Value> queryParts = {columns(block.queryNope)};
  SmallVector<Value> keyParts = {
      decompress(weightUK(/*transposed=*/false), block.dims.getNope())};
  for (const SharedPart &part : block.shared) {
    queryParts.push_back(columns(part.query));
    keyParts.push_back(forHeads(sharedRows(part), heads));
  }
  Value value = decompress(columns(block.weightUV), block.dims.getV());
  AttendOp core =
      attend(concat(queryParts), concat(keyParts), value, /*kvHeads=*/heads,
             block.last->getResult(0).getType(), LatentAttr());
  return LatentResults(core.getResults());
}

LatentResults Writer::withUpProjections(Form form) {
  SmallVector<Value> queryParts = {columns(block.queryNope)};
  for (const SharedPart &part : block.shared)
    queryParts.push_back(columns(part.query));
  Value newQuery = concat(queryParts);
  Value newKey = block.cache ? block.cache : cachedRows();
  AttendOp core = attend(newQuery, newKey, Value(), /*kvHeads=*/groups,
                         block.last->getResult(0).getType(), block.dims, form);
  return LatentResults(core.getResults());
}

LatentResults attn::buildAbsorbed(OpBuilder &builder,
                                  const LatentBlock &block) {
  return Writer(builder, block).absorbed();
}

LatentResults attn::buildDecompressed(OpBuilder &builder,
                                      const LatentBlock &block) {
  return Writer(builder, block).decompressed();
}

LatentResults attn::buildWithUpProjections(OpBuilder &builder,
                                           const LatentBlock &block,
                                           Form form) {
  return Writer(builder, block).withUpProjections(form);
}
