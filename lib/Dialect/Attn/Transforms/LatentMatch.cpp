//===- LatentMatch.cpp - Recognise the forms of latent attention -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatentBlock.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Dominance.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace attn;
using llvm::formatv;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}
static int64_t lastExtent(Value value) {
  return tensorType(value).getShape().back();
}

//===----------------------------------------------------------------------===//
// Columns through concatenations and slices
//===----------------------------------------------------------------------===//

static bool concatenatesColumns(tensor::ConcatOp op) {
  return static_cast<int64_t>(op.getDim()) == op.getResultType().getRank() - 1;
}

/// True if `size` is the extent `dim` of `source`. A decompression has the
/// batch and the tokens of its latent (`rewriteLatent` reads them there).
static bool isExtentOf(OpFoldResult size, Value source, int64_t dim) {
  int64_t extent = tensorType(source).getDimSize(dim);
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return *constant == extent;
  auto op = cast<Value>(size).getDefiningOp<tensor::DimOp>();
  if (!op || op.getConstantIndex() != dim)
    return false;
  auto decompress = source.getDefiningOp<DecompressOp>();
  return op.getSource() == source ||
         (decompress && dim < 2 && op.getSource() == decompress.getLatent());
}

/// The first column that the slice takes, if it takes all rows and a fixed run
/// of columns.
static std::optional<int64_t> firstColumn(tensor::ExtractSliceOp op) {
  int64_t rank = op.getSourceType().getRank();
  if (op.getType().getRank() != rank || !op.hasUnitStride())
    return std::nullopt;
  SmallVector<OpFoldResult> offsets = op.getMixedOffsets();
  SmallVector<OpFoldResult> sizes = op.getMixedSizes();
  for (int64_t dim = 0; dim < rank - 1; ++dim)
    if (!isZeroInteger(offsets[dim]) ||
        !isExtentOf(sizes[dim], op.getSource(), dim))
      return std::nullopt;
  return getConstantIntValue(offsets.back());
}

Columns attn::resolveColumns(Columns columns) {
  if (auto slice = columns.source.getDefiningOp<tensor::ExtractSliceOp>())
    if (std::optional<int64_t> first = firstColumn(slice))
      return resolveColumns(
          {slice.getSource(), *first + columns.offset, columns.width});
  auto concat = columns.source.getDefiningOp<tensor::ConcatOp>();
  if (!concat || !concatenatesColumns(concat))
    return columns;
  int64_t start = 0;
  for (Value input : concat.getInputs()) {
    int64_t width = lastExtent(input);
    if (ShapedType::isDynamic(width))
      break;
    if (columns.offset >= start &&
        columns.offset + columns.width <= start + width)
      return resolveColumns({input, columns.offset - start, columns.width});
    start += width;
  }
  return columns;
}

//===----------------------------------------------------------------------===//
// The parts of a key or value of the decompressed form
//===----------------------------------------------------------------------===//

namespace {
/// A run of columns of K or V: decompressed from `latent` by columns of a
/// weight, or (`latent` null) shared by all heads.
struct Part {
  Value latent;
  Columns columns;
  RopeOp rope;
  int64_t ropeOffset = 0;
};

/// Takes K or V apart. `reason` says what stands in the way.
class PartFinder {
public:
  PartFinder(StringRef name, std::string &reason)
      : name(name), reason(reason) {}

  LogicalResult find(Columns columns);

  SmallVector<Part> parts;
  /// The ops that only the attention may read.
  SmallPtrSet<Operation *, 8> passed;

private:
  LogicalResult findInConcat(tensor::ConcatOp op, Columns columns);
  LogicalResult findBehindRope(RopeOp op, Columns columns);
  LogicalResult refuse(const Twine &why) {
    reason = why.str();
    return failure();
  }

  StringRef name;
  std::string &reason;
  bool headsFirst = false; ///< the axes are `[B, H, T, *]`
};
} // namespace

/// The broadcast by which `op` repeats rows `[B, T, groups, *]` for the heads
/// of each group, or null.
static linalg::BroadcastOp repeatsGroups(Operation *op) {
  auto collapse = dyn_cast<tensor::CollapseShapeOp>(op);
  if (!collapse || collapse.getReassociationIndices() !=
                       SmallVector<ReassociationIndices>{{0}, {1}, {2, 3}, {4}})
    return {};
  auto repeat = collapse.getSrc().getDefiningOp<linalg::BroadcastOp>();
  return repeat && repeat.getDimensions() == ArrayRef<int64_t>{3}
             ? repeat
             : linalg::BroadcastOp();
}

LogicalResult PartFinder::find(Columns columns) {
  Operation *op = columns.source.getDefiningOp();
  if (!op)
    return refuse(name + " is an argument in part");
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op)) {
    if (broadcast.getDimensions() != ArrayRef<int64_t>{headsFirst ? 1 : 2})
      return refuse(name + " is broadcast along another axis than the heads");
    parts.push_back(
        {Value(), {broadcast.getInput(), columns.offset, columns.width}, {}});
    return success();
  }
  if (linalg::BroadcastOp repeat = repeatsGroups(op); repeat && !headsFirst) {
    parts.push_back(
        {Value(), {repeat.getInput(), columns.offset, columns.width}, {}});
    return success();
  }
  passed.insert(op);
  if (auto swap = dyn_cast<linalg::TransposeOp>(op);
      swap && swap.getPermutation() == ArrayRef<int64_t>{0, 2, 1, 3}) {
    headsFirst = !headsFirst;
    LogicalResult found =
        find({swap.getInput(), columns.offset, columns.width});
    headsFirst = !headsFirst;
    return found;
  }
  if (auto decompress = dyn_cast<DecompressOp>(op); decompress && !headsFirst) {
    parts.push_back({decompress.getLatent(),
                     {decompress.getWeight(), columns.offset, columns.width},
                     {}});
    return success();
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op);
      concat && concatenatesColumns(concat))
    return findInConcat(concat, columns);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    if (std::optional<int64_t> first = firstColumn(slice))
      return find({slice.getSource(), *first + columns.offset, columns.width});
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    // A reshape and its inverse.
    auto collapse = expand.getSrc().getDefiningOp<tensor::CollapseShapeOp>();
    if (collapse && collapse.getSrcType() == expand.getResultType() &&
        collapse.getReassociationIndices() ==
            expand.getReassociationIndices()) {
      passed.insert(collapse);
      return find({collapse.getSrc(), columns.offset, columns.width});
    }
  }
  if (auto rope = dyn_cast<RopeOp>(op); rope && !headsFirst)
    return findBehindRope(rope, columns);
  return refuse(formatv("'{0}' stands between the decompression and {1}",
                        op->getName().getStringRef(), name)
                    .str());
}

LogicalResult PartFinder::findInConcat(tensor::ConcatOp op, Columns columns) {
  int64_t start = 0, end = columns.offset + columns.width;
  for (Value input : op.getInputs()) {
    int64_t width = lastExtent(input);
    if (ShapedType::isDynamic(width))
      return refuse(name + " has parts of unknown width");
    int64_t first = std::max(start, columns.offset);
    int64_t last = std::min(start + width, end);
    if (first < last && failed(find({input, first - start, last - first})))
      return failure();
    start += width;
  }
  return success();
}

/// RoPE turns columns that all heads share, which the latent row can hold
/// turned; decompressed ones it cannot, as each token turns its own way.
LogicalResult PartFinder::findBehindRope(RopeOp op, Columns columns) {
  size_t before = parts.size();
  if (failed(find({op.getInput(), columns.offset, columns.width})))
    return failure();
  int64_t ropeStart = op.getOffset(), ropeEnd = ropeStart + op.getDims();
  int64_t start = columns.offset;
  for (Part &part : MutableArrayRef(parts).drop_front(before)) {
    int64_t end = start + part.columns.width;
    if (std::max(start, ropeStart) < std::min(end, ropeEnd)) {
      if (part.latent)
        return refuse("RoPE turns columns that are decompressed");
      if (part.rope || ropeStart < start || ropeEnd > end)
        return refuse("RoPE turns some columns twice or spans two parts");
      part.rope = op;
      part.ropeOffset = ropeStart - start;
    }
    start = end;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The decompressed form
//===----------------------------------------------------------------------===//

/// True if `value` is computed from a decompression of this attention.
static bool readsDecompression(Value value) {
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [](Operation *op) {
    return !isa<AttendOp, CompressOp, ProjectOp>(op);
  };
  SetVector<Operation *> slice;
  return succeeded(getBackwardSlice(value, &slice, options)) &&
         llvm::any_of(slice, llvm::IsaPred<DecompressOp>);
}

/// The op that widens the elements which a weight is computed from, or null.
static Operation *dequantisation(Value weight) {
  unsigned bits = getElementTypeOrSelf(weight).getIntOrFloatBitWidth();
  BackwardSliceOptions options;
  options.inclusive = true;
  SetVector<Operation *> slice;
  if (failed(getBackwardSlice(weight, &slice, options)))
    return nullptr;
  for (Operation *op : slice)
    for (Type type : op->getOperandTypes())
      if (auto source = dyn_cast<RankedTensorType>(type))
        if (source.getElementType().isIntOrFloat() &&
            source.getElementTypeBitWidth() < bits)
          return op;
  return nullptr;
}

/// Why W_UK or W_UV cannot move, or nothing.
static std::optional<std::string>
unsupportedWeight(StringRef name, Value weight, AttendOp attend) {
  if (getElementTypeOrSelf(weight) != getElementTypeOrSelf(attend.getQuery()))
    return formatv("{0} and the query differ in element type", name).str();
  if (Operation *op = dequantisation(weight))
    return formatv("{0} is dequantised by '{1}': its scales would have to "
                   "move with it",
                   name, op->getName().getStringRef())
        .str();
  return std::nullopt;
}

FailureOr<LatentBlock> attn::matchDecompressed(AttendOp attend,
                                               std::string &reason) {
  if (attend.getCacheType() || !attend.getValue() ||
      (!readsDecompression(attend.getKey()) &&
       !readsDecompression(attend.getValue())))
    return failure(); // Not latent.
  auto refuse = [&](const Twine &why) {
    reason = why.str();
    return failure();
  };
  if (attend.getHeads().getGroup() != 1)
    return refuse("query heads share KV heads: W_UK would be repeated");
  int64_t kDim = attend.getKDim(), vDim = attend.getVDim();
  if (ShapedType::isDynamic(kDim) || ShapedType::isDynamic(vDim))
    return refuse("the width of K or V is unknown");

  PartFinder key("K", reason), value("V", reason);
  if (failed(key.find({attend.getKey(), 0, kDim})) ||
      failed(value.find({attend.getValue(), 0, vDim})))
    return failure();
  for (Operation *op : llvm::concat<Operation *const>(key.passed, value.passed))
    for (Operation *user : op->getUsers())
      if (user != attend && !key.passed.contains(user) &&
          !value.passed.contains(user))
        return refuse(formatv("K or V is also used by '{0}'",
                              user->getName().getStringRef())
                          .str());

  LatentBlock block;
  block.attend = attend;
  block.last = attend;
  int64_t column = 0, shared = 0;
  for (const Part &part : key.parts) {
    Columns query{attend.getQuery(), column, part.columns.width};
    column += part.columns.width;
    if (!part.latent) {
      block.shared.push_back({part.columns, part.rope, part.ropeOffset, query});
      shared += part.columns.width;
      continue;
    }
    if (block.latent.source)
      return refuse("K has two decompressed parts");
    block.latent = {part.latent, 0, lastExtent(part.latent)};
    block.weightUK = part.columns;
    block.queryNope = query;
  }
  if (!block.latent.source)
    return refuse("no part of K is decompressed");
  if (value.parts.size() != 1 || !value.parts[0].latent)
    return refuse("V is not one decompression");
  if (value.parts[0].latent != block.latent.source)
    return refuse("K and V are decompressed from different latents");
  block.weightUV = value.parts[0].columns;
  if (ShapedType::isDynamic(block.latent.width))
    return refuse("the rank of the latent is unknown");
  if (getElementTypeOrSelf(block.latent.source) !=
      getElementTypeOrSelf(attend.getQuery()))
    return refuse("the latent and the query differ in element type");
  for (auto [name, weight] : {std::pair("W_UK", block.weightUK.source),
                              std::pair("W_UV", block.weightUV.source)})
    if (auto why = unsupportedWeight(name, weight, attend))
      return refuse(*why);
  RankedTensorType latent = tensorType(block.latent.source);
  int64_t groups = latent.getRank() == 4 ? latent.getDimSize(2) : 1;
  for (const SharedPart &part : block.shared)
    if (RankedTensorType rows = tensorType(part.rows.source);
        rows.getRank() == 4 && rows.getDimSize(2) != groups)
      return refuse("the rotary key has other groups than the latent");
  block.dims = LatentAttr::get(attend.getContext(), block.latent.width, shared,
                               block.weightUK.width, vDim, groups);
  return block;
}

//===----------------------------------------------------------------------===//
// The absorbed form
//===----------------------------------------------------------------------===//

FailureOr<LatentBlock> attn::matchProjected(AttendOp attend,
                                            std::string &reason) {
  LatentAttr dims = attend.getLatentAttr();
  if (!dims || attend.hasUpProjections())
    return failure(); // Not latent, or not in this form.
  auto refuse = [&](const Twine &why) {
    reason = why.str();
    return failure();
  };
  auto after = attend.getOutput().hasOneUse()
                   ? dyn_cast<ProjectOp>(*attend.getOutput().user_begin())
                   : ProjectOp();
  if (!after || after.getInput() != attend.getOutput())
    return refuse("the output is not read by one projection with W_UV alone");
  // The block is rebuilt where it ends.
  DominanceInfo dominance;
  if (after->getBlock() != attend->getBlock() ||
      (attend.getLse() &&
       llvm::any_of(attend.getLse().getUsers(), [&](Operation *user) {
         return !dominance.properlyDominates(after.getOperation(), user);
       })))
    return refuse("the log-sum-exp is read before the block ends, or the "
                  "projection with W_UV lies in another block");
  if (lastExtent(after.getWeight()) != dims.getV())
    return refuse("the projection of the output is not v wide");

  Columns latentQuery = resolveColumns({attend.getQuery(), 0, dims.getRank()});
  auto before = latentQuery.source.getDefiningOp<ProjectOp>();
  if (!before || lastExtent(before.getOutput()) != latentQuery.width)
    return refuse("the query's latent part is not one projection with W_UK");
  if (lastExtent(before.getInput()) != dims.getNope())
    return refuse("the projection of the query is not nope wide");

  // Rows as they are cached have no axis for heads.
  Value rows = attend.getKey();
  bool grouped = dims.getGroups() != 1;
  if (auto expand = rows.getDefiningOp<tensor::ExpandShapeOp>();
      expand &&
      expand.getReassociationIndices() ==
          SmallVector<ReassociationIndices>{{0}, {1}, {2, 3}} &&
      !grouped)
    rows = expand.getSrc();

  LatentBlock block;
  block.attend = attend;
  block.last = after;
  block.dims = dims;
  if (attend.getCacheType())
    block.cache = attend.getKey();
  else
    block.latent = resolveColumns({rows, 0, dims.getRank()});
  block.queryNope = {before.getInput(), 0, dims.getNope()};
  block.weightUK = {before.getWeight(), 0, dims.getRank()};
  block.weightUKTransposed = true;
  block.weightUV = {after.getWeight(), 0, dims.getV()};
  if (!dims.getRope())
    return block;
  Columns shared;
  if (!block.cache)
    shared = resolveColumns({rows, dims.getRank(), dims.getRope()});
  if (grouped && !block.cache) {
    // The groups' rotary part may be one.
    auto broadcast = shared.source.getDefiningOp<linalg::BroadcastOp>();
    if (broadcast && broadcast.getDimensions() == ArrayRef<int64_t>{2})
      shared.source = broadcast.getInput();
  }
  block.shared.push_back(
      {shared, {}, 0, {attend.getQuery(), dims.getRank(), dims.getRope()}});
  return block;
}

FailureOr<LatentBlock> attn::matchAbsorbed(AttendOp attend,
                                           std::string &reason) {
  FailureOr<LatentBlock> block = matchProjected(attend, reason);
  if (succeeded(block) && block->cache) {
    reason = "the latent rows lie in a cache, which no op reads out";
    return failure();
  }
  return block;
}

FailureOr<LatentBlock> attn::matchEither(AttendOp attend, std::string &reason) {
  return attend.getLatentAttr() ? matchProjected(attend, reason)
                                : matchDecompressed(attend, reason);
}
