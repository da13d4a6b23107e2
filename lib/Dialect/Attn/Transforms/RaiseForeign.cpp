//===- RaiseForeign.cpp - Ops of dialects that are not registered *- C++ -*-==//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseForeign.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Reading an op
//===----------------------------------------------------------------------===//

void ForeignOp::refuseIf(bool holds, const Twine &reason) {
  if (holds && why.empty())
    why = reason.str();
}

Value ForeignOp::operand(unsigned index) const {
  if (index >= op->getNumOperands())
    return {};
  Value value = op->getOperand(index);
  auto opaque = dyn_cast<OpaqueType>(value.getType());
  bool none = isa<NoneType>(value.getType()) ||
              (opaque && opaque.getTypeData() == "none");
  return none ? Value() : value;
}

Attribute ForeignOp::attribute(StringRef name) const {
  if (Attribute found = op->getDiscardableAttr(name))
    return found;
  auto properties =
      dyn_cast_or_null<DictionaryAttr>(op->getPropertiesAsAttribute());
  return properties ? properties.get(name) : Attribute();
}

int64_t ForeignOp::integer(StringRef name, int64_t missing) {
  Attribute found = attribute(name);
  auto number = dyn_cast_or_null<IntegerAttr>(found);
  refuseIf(found && !number, name + " is no integer");
  return number ? number.getValue().getSExtValue() : missing;
}

double ForeignOp::number(StringRef name, double missing) {
  Attribute found = attribute(name);
  auto number = dyn_cast_or_null<FloatAttr>(found);
  refuseIf(found && (!number || !number.getValue().isFinite()),
           name + " is no finite number");
  return number ? number.getValueAsDouble() : missing;
}

std::string ForeignOp::string(StringRef name, StringRef missing) {
  Attribute found = attribute(name);
  auto text = dyn_cast_or_null<StringAttr>(found);
  refuseIf(found && !text, name + " is no string");
  return text ? text.str() : missing.str();
}

bool ForeignOp::isUsed(unsigned result) const {
  return result < op->getNumResults() && !op->getResult(result).use_empty();
}

void ForeignOp::expectOnly(ArrayRef<StringRef> attributes, unsigned operands,
                           unsigned results) {
  auto check = [&](ArrayRef<NamedAttribute> list) {
    for (NamedAttribute attribute : list)
      refuseIf(!llvm::is_contained(attributes, attribute.getName().strref()),
               "the attribute " + attribute.getName().strref() +
                   " is not known here");
  };
  check(op->getDiscardableAttrs().empty()
            ? ArrayRef<NamedAttribute>()
            : op->getDiscardableAttrDictionary().getValue());
  if (auto properties =
          dyn_cast_or_null<DictionaryAttr>(op->getPropertiesAsAttribute()))
    check(properties.getValue());
  for (unsigned i = operands; i < op->getNumOperands(); ++i)
    refuseIf(static_cast<bool>(operand(i)),
             "operand " + Twine(i) + " is not known here");
  refuseIf(op->getNumResults() == 0 || op->getNumResults() > results,
           "the number of results is not known here");
}

void ForeignOp::expectShape(StringRef name, Value value,
                            ArrayRef<int64_t> shape, Type element) {
  RankedTensorType type = foreignTensorType(value);
  bool fits = type && type.getRank() == static_cast<int64_t>(shape.size()) &&
              succeeded(verifyCompatibleShape(type.getShape(), shape));
  refuseIf(!type, name + " is not a ranked tensor");
  refuseIf(type && !fits, name + " does not have the expected shape");
  refuseIf(type && type.getElementType() != element,
           name + " has another element type");
}

RankedTensorType attn::foreignTensorType(Value value) {
  if (!value)
    return {};
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    return type;
  // `vtensor<[2,?,64],f32>` of torch.
  auto opaque = dyn_cast<OpaqueType>(value.getType());
  StringRef text = opaque ? opaque.getTypeData() : StringRef();
  if (!opaque || opaque.getDialectNamespace() != "torch" ||
      !text.consume_front("vtensor<[") || !text.consume_back(">"))
    return {};
  auto [extents, element] = text.split("],");
  SmallVector<StringRef> parts;
  extents.split(parts, ',', -1, /*KeepEmpty=*/false);
  SmallVector<int64_t> shape;
  for (StringRef part : parts) {
    int64_t extent = ShapedType::kDynamic;
    if (part.trim() != "?" && part.trim().getAsInteger(10, extent))
      return {};
    shape.push_back(extent);
  }
  // By name: the parser would report types that it does not know as errors.
  Builder b(value.getContext());
  Type elementType = llvm::StringSwitch<Type>(element)
                         .Case("bf16", b.getBF16Type())
                         .Case("f16", b.getF16Type())
                         .Case("f32", b.getF32Type())
                         .Case("f64", b.getF64Type())
                         .Case("i1", b.getI1Type())
                         .Default(Type());
  return elementType ? RankedTensorType::get(shape, elementType)
                     : RankedTensorType();
}

static bool isForeignConstant(Operation *op) {
  return llvm::StringSwitch<bool>(op->getName().getStringRef())
      .Cases({"onnx.NoValue", "onnx.Constant", "torch.vtensor.literal",
              "torch.constant.none", "torch.constant.bool",
              "torch.constant.float", "torch.constant.int"},
             true)
      .Default(false);
}

void attn::eraseUnusedForeignConstants(Operation *root) {
  root->walk([](Operation *op) {
    if (isForeignConstant(op) && op->use_empty())
      op->erase();
  });
}

DenseElementsAttr attn::constantElements(Value value) {
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements)))
    return elements;
  Operation *op = value.getDefiningOp();
  if (!op || !isForeignConstant(op))
    return {};
  return dyn_cast_or_null<DenseElementsAttr>(ForeignOp(op).attribute("value"));
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// True for each element of a mask that hides its token; none if an element
/// does something else to the score.
static std::optional<SmallVector<bool>> hiddenElements(DenseElementsAttr mask) {
  SmallVector<bool> hidden;
  if (mask.getElementType().isInteger(1)) {
    for (bool visible : mask.getValues<bool>())
      hidden.push_back(!visible);
    return hidden;
  }
  if (!isa<FloatType>(mask.getElementType()))
    return std::nullopt;
  for (const APFloat &bias : mask.getValues<APFloat>()) {
    // To a lowest number every score is added without a trace.
    bool lowest = bias.isNegative() && (bias.isInfinity() || bias.isLargest());
    if (!lowest && !bias.isZero())
      return std::nullopt;
    hidden.push_back(lowest);
  }
  return hidden;
}

std::optional<ConstantMask> attn::readConstantMask(Value mask, int64_t queries,
                                                   int64_t tokens) {
  DenseElementsAttr elements = constantElements(mask);
  if (!elements || ShapedType::isDynamic(queries) ||
      ShapedType::isDynamic(tokens) || queries > tokens)
    return std::nullopt; // beyond that, rows that see nothing
  ArrayRef<int64_t> shape = elements.getType().getShape();
  if (shape.size() < 2 || shape[shape.size() - 2] != queries ||
      shape.back() != tokens)
    return std::nullopt;
  std::optional<SmallVector<bool>> hidden = hiddenElements(elements);
  if (!hidden || hidden->empty())
    return std::nullopt;
  // The last query sees the last `count` tokens: a window, if that is not all.
  int64_t last = (queries - 1) * tokens, count = 0;
  while (count < tokens && !(*hidden)[last + tokens - 1 - count])
    ++count;
  if (!count)
    return std::nullopt;
  ConstantMask result;
  result.causal = (queries > 1 && (*hidden)[tokens - 1]) || count < tokens;
  result.window = count < tokens ? count : 0;
  for (auto [n, hides] : llvm::enumerate(*hidden)) {
    int64_t position = static_cast<int64_t>(n) / tokens % queries;
    int64_t key = static_cast<int64_t>(n) % tokens;
    int64_t current = position + tokens - queries;
    bool expected = (result.causal && key > current) ||
                    (result.window && key <= current - result.window);
    if (hides != expected)
      return std::nullopt;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Checking and building
//===----------------------------------------------------------------------===//

void ForeignAttention::check(ForeignOp &op) {
  op.refuseIf(ShapedType::isDynamic(qHeads) || ShapedType::isDynamic(kvHeads),
              "the number of heads is unknown");
  op.refuseIf(ShapedType::isDynamic(kDim) || ShapedType::isDynamic(vDim),
              "the width of a head is unknown");
  op.refuseIf(kDim == 0 || vDim == 0, "the width of a head is 0");
  op.refuseIf(qHeads <= 0 || kvHeads <= 0 || qHeads % kvHeads,
              Twine(qHeads) + " query heads do not share " + Twine(kvHeads) +
                  " KV heads evenly");
  op.refuseIf(!element.isF32() && !element.isBF16() && !element.isF16(),
              "the element type is not bf16, f16 or f32");
  op.refuseIf(softcap < 0, "the soft-cap is negative");
  op.refuseIf(window && !causal, "a window without a causal mask");
  if (scale == 0)
    scale = 1 / std::sqrt(static_cast<double>(kDim));
  auto fitsF32 = [](double x) { return std::isnormal(static_cast<float>(x)); };
  op.refuseIf(!fitsF32(scale), "the scale is no number of f32");
  op.refuseIf(softcap != 0 && !fitsF32(softcap),
              "the soft-cap is no number of f32");
}

int64_t ForeignAttention::alignAtFirst(ForeignOp &op) {
  if (!causal)
    return newTokens;
  bool known =
      !ShapedType::isDynamic(queries) && !ShapedType::isDynamic(newTokens);
  op.refuseIf(!known || queries > newTokens,
              "the causal mask is aligned at the first token, and " +
                  Twine(known ? "there are fewer tokens than queries"
                              : "the numbers of queries and tokens are not "
                                "known to be equal"));
  return queries;
}

Value attn::castTo(OpBuilder &b, Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (isa<OpaqueType>(type))
    return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
  return tensor::CastOp::create(b, loc, type, value);
}

Value attn::buildAttend(OpBuilder &b, Location loc,
                        const ForeignAttention &attention, Value query,
                        Value key, Value value, Value lens, Value sinks) {
  MLIRContext *context = b.getContext();
  SmallVector<int64_t> shape(tensorType(query).getShape());
  shape[3] = attention.vDim;
  return AttendOp::create(
             b, loc, TypeRange{RankedTensorType::get(shape, attention.element)},
             query, key, value, lens, sinks,
             HeadsAttr::get(context, attention.qHeads, attention.kvHeads),
             attention.causal
                 ? MaskAttr::get(context, /*causal=*/true, attention.window)
                 : MaskAttr(),
             b.getF32FloatAttr(attention.scale),
             attention.softcap != 0 ? b.getF32FloatAttr(attention.softcap)
                                    : FloatAttr(),
             LatentAttr())
      .getOutput();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

Value attn::splitHeads(OpBuilder &b, Location loc, Value value, int64_t heads) {
  RankedTensorType type = tensorType(value);
  ArrayRef<int64_t> shape = type.getShape();
  return tensor::ExpandShapeOp::create(
      b, loc,
      RankedTensorType::get({shape[0], shape[1], heads, shape[2] / heads},
                            type.getElementType()),
      value, Reassociation{{0}, {1}, {2, 3}});
}

Value attn::joinHeads(OpBuilder &b, Location loc, Value value) {
  return tensor::CollapseShapeOp::create(b, loc, value,
                                         Reassociation{{0}, {1}, {2, 3}});
}

Value attn::takeSlice(OpBuilder &b, Location loc, Value value, int64_t axis,
                      int64_t offset, int64_t size) {
  RankedTensorType type = tensorType(value);
  if (type.getDimSize(axis) == size)
    return value;
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
  offsets[axis] = b.getIndexAttr(offset);
  sizes[axis] = b.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(b, loc, value, offsets, sizes, strides);
}

Value attn::mapElements(
    OpBuilder &b, Location loc, Value value, Type element,
    llvm::function_ref<Value(OpBuilder &, Location, Value)> body) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
  Value init = tensor::EmptyOp::create(b, loc, sizes, element);
  int64_t rank = tensorType(value).getRank();
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), value, init, maps, loops,
             [&](OpBuilder &inner, Location at, ValueRange arguments) {
               linalg::YieldOp::create(inner, at,
                                       body(inner, at, arguments[0]));
             })
      .getResult(0);
}

void attn::populateRaiseForeign(RewritePatternSet &patterns,
                                Pass::Statistic &numDone,
                                Pass::Statistic &numMissed) {
  populateRaiseOnnx(patterns, numDone, numMissed);
  populateRaiseOrt(patterns, numDone, numMissed);
  populateRaiseIree(patterns, numDone, numMissed);
  populateRaiseTorch(patterns, numDone, numMissed);
}
