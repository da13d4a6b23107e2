//===- TileOps.cpp - Verifiers and assembly of the tile operations *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn/Target/SharedLayout.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace attn::tile;

#define GET_OP_CLASSES
#include "attn/Dialect/Tile/IR/TileOps.cpp.inc"

static TileType tileType(Value value) {
  return cast<TileType>(value.getType());
}

static LogicalResult verifyRest(KernelOp op) { // N4
  int64_t rest = op.getRest();
  CacheAttr cache = op.getCache();
  if (rest == 0)
    return success();
  if (!cache.getElement().isBF16() || rest < 0 || rest % 32 || op.getCombine())
    return op.emitOpError("has a rest of ")
           << rest
           << " columns; it needs bf16, a multiple of 32, and a kernel that "
              "streams";
  if (op.getUp()        ? rest == op.getUp()->getNope()
      : cache.getVInK() ? rest == cache.getV()
                        : 2 * rest <= cache.getK())
    return success();
  return op.emitOpError("has a rest of ")
         << rest
         << " columns; with up it is nope, of other latent rows v, and else at "
            "most half of k";
}

LogicalResult KernelOp::verify() {
  int64_t group = getGroup(), qLen = getQLen(); // The accessors are unsigned.
  if (group <= 0 || qLen <= 0)                  // N1
    return emitOpError("group and q_len must be positive");
  Type element = getCache().getElement();
  if (!element.isBF16() && !element.isF16() && !element.isF32()) // N2
    return emitOpError("cache elements must be bf16, f16 or f32");
  if (getUp() && (!getCache().getVInK() || getCombine())) // N3
    return emitOpError("up needs a cache of latent rows (v_in_k), and a kernel "
                       "that streams it");
  return verifyRest(*this);
}

ParseResult ConstantOp::parse(OpAsmParser &parser, OperationState &result) {
  FloatAttr value;
  Type type;
  if (parser.parseAttribute(value, parser.getBuilder().getF32Type(), "value",
                            result.attributes) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type))
    return failure();
  result.addTypes(type);
  return success();
}

void ConstantOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printAttributeWithoutType(getValueAttr());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"value"});
  printer << " : " << getType();
}

//===----------------------------------------------------------------------===//
// Streams:  `tile.stream (%k, %v) : (K, V) iter(%a = %x, ...) : (T, ...) {...}`
//===----------------------------------------------------------------------===//

static ParseResult parseStream(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> args;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> argTypes, initTypes;
  SMLoc loc = parser.getCurrentLocation();
  auto parseTypes = [&](SmallVectorImpl<Type> &types) {
    return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&] {
      return parser.parseType(types.emplace_back());
    });
  };
  if (parser.parseArgumentList(args, OpAsmParser::Delimiter::Paren) ||
      parser.parseColon() || parseTypes(argTypes) ||
      parser.parseKeyword("iter"))
    return failure();
  auto parseInit = [&]() {
    return failure(parser.parseArgument(args.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(inits.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     parseInit) ||
      parser.parseColon() || parseTypes(initTypes) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  argTypes.append(initTypes);
  if (argTypes.size() != args.size())
    return parser.emitError(loc, "expected a type for each argument");
  for (auto [arg, type] : llvm::zip(args, argTypes))
    arg.type = type;
  if (parser.parseRegion(*result.addRegion(), args) ||
      parser.resolveOperands(inits, initTypes, loc, result.operands))
    return failure();
  result.addTypes(initTypes);
  return success();
}

template <typename OpT>
static void printStream(OpT op, OpAsmPrinter &printer) {
  Block::BlockArgListType args = op.getBody().front().getArguments();
  printer << " (";
  llvm::interleaveComma(args.take_front(2), printer,
                        [&](BlockArgument arg) { printer << arg; });
  printer << ") : (";
  llvm::interleaveComma(args.take_front(2), printer,
                        [&](BlockArgument arg) { printer << arg.getType(); });
  printer << ") iter(";
  llvm::interleaveComma(
      llvm::zip(args.drop_front(2), op.getInits()), printer, [&](auto pair) {
        printer << std::get<0>(pair) << " = " << std::get<1>(pair);
      });
  printer << ") : (";
  llvm::interleaveComma(op.getInits().getTypes(), printer);
  printer << ") ";
  printer.printOptionalAttrDictWithKeyword(op->getAttrs());
  printer.printRegion(op.getBody(), /*printEntryBlockArgs=*/false);
}

/// The yield that ends a region, or null.
static YieldOp yieldOf(Block &block) {
  return block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
}

template <typename OpT>
static LogicalResult verifyStream(OpT op) {
  Block &block = op.getBody().front();
  if (block.getNumArguments() != op.getInits().size() + 2 ||
      TypeRange(block.getArgumentTypes()).drop_front(2) !=
          TypeRange(op.getInits())) // T1
    return op.emitOpError("the block takes two tiles and the carried ones");
  YieldOp yield = yieldOf(block);
  if (!yield || yield.getOperandTypes() != op.getResultTypes()) // T2
    return op.emitOpError("the body must yield the carried types");
  return success();
}

ParseResult StreamOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseStream(parser, result);
}
void StreamOp::print(OpAsmPrinter &printer) { printStream(*this, printer); }
LogicalResult StreamOp::verifyRegions() { return verifyStream(*this); }

ParseResult PartialsOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseStream(parser, result);
}
void PartialsOp::print(OpAsmPrinter &printer) { printStream(*this, printer); }
LogicalResult PartialsOp::verifyRegions() { return verifyStream(*this); }

//===----------------------------------------------------------------------===//
// Products and maps
//===----------------------------------------------------------------------===//

LogicalResult WeightOp::verify() {
  auto kernel = (*this)->getParentOfType<KernelOp>();
  if (!kernel || !kernel.getUp())
    return emitOpError("is part of no kernel with up");
  CacheAttr cache = kernel.getCache();
  int64_t columns = getPart() == UpPart::Key ? kernel.getUp()->getNope()
                                             : kernel.getUp()->getV();
  auto type =
      TileType::get(getContext(), cache.getV(), columns, cache.getElement());
  if (getType() != type) // K1
    return emitOpError("must be ") << type << ", got " << getType();
  return success();
}

LogicalResult DecompressOp::verify() {
  TileType rows = tileType(getRows()), weight = tileType(getWeight());
  TileType result = getType();
  int64_t tail = rows.getCols() - weight.getRows();
  int64_t made = weight.getCols() * (getRest() ? 2 : 1);
  if (tail < 0 || result.getRows() != rows.getRows() ||
      result.getCols() != made + tail ||
      rows.getElementType() != weight.getElementType() ||
      rows.getElementType() != result.getElementType()) // D1
    return emitOpError("needs rows TxC, weight RxN with R <= C, and a result "
                       "Tx(N + C - R), with rest Tx(2N + C - R), of one "
                       "element type");
  return success();
}

LogicalResult DotOp::verify() {
  TileType q = tileType(getQ()), k = tileType(getK()),
           r = getResult().getType();
  auto [narrow, wide] = std::minmax(q.getCols(), k.getCols());
  int64_t rest = getRest();
  if (wide - narrow != rest || rest > narrow || r.getRows() != q.getRows() ||
      r.getCols() != k.getRows() || !r.getElementType().isF32() ||
      q.getElementType() != k.getElementType()) // U1
    return emitOpError("needs RxD and TxD of one element type, and RxT of f32; "
                       "with rest one of the two has so many columns more");
  return success();
}

LogicalResult DotAccOp::verify() {
  TileType p = tileType(getP()), v = tileType(getV());
  TileType acc = getResult().getType(), alpha = tileType(getAlpha());
  if (p.getCols() != v.getRows() || acc.getRows() != p.getRows() ||
      acc.getCols() != v.getCols() || !acc.getElementType().isF32() ||
      alpha.getRows() != p.getRows() || alpha.getCols() != 1 ||
      !alpha.getElementType().isF32()) // V1
    return emitOpError(
        "needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32");
  return success();
}

TileType MapOp::getDomain() {
  TileType domain;
  for (Value input : getInputs())
    if (!domain || tileType(input).getCols() > domain.getCols())
      domain = tileType(input);
  return domain;
}

LogicalResult MapOp::verify() {
  TileType domain = getDomain();
  if (!domain)
    return emitOpError("needs an input");
  for (Value input : getInputs()) {
    TileType type = tileType(input);
    if (type.getRows() != domain.getRows() ||
        (type.getCols() != domain.getCols() && type.getCols() != 1)) // W1
      return emitOpError("input ")
             << type << " does not broadcast to " << domain;
  }
  if (getReductions().size() > getNumResults()) // W3
    return emitOpError("has more reductions than results");
  for (auto [i, result] : llvm::enumerate(getResults())) {
    TileType type = tileType(result);
    bool reduced = i >= getNumElementwise();
    if (type.getRows() != domain.getRows() ||
        type.getCols() != (reduced ? 1 : domain.getCols()) ||
        (reduced && !type.getElementType().isF32())) // W2, W3
      return emitOpError("result #")
             << i << " of " << type << " does not match " << domain;
  }
  return success();
}

LogicalResult MapOp::verifyRegions() {
  Block &block = getBody().front();
  YieldOp yield = yieldOf(block);
  auto isF32 = [](Type type) { return type.isF32(); };
  if (block.getNumArguments() != getInputs().size() || !yield ||
      yield.getNumOperands() != getNumResults() ||
      !llvm::all_of(block.getArgumentTypes(), isF32) ||
      !llvm::all_of(yield.getOperandTypes(), isF32)) // W4
    return emitOpError("the region takes one f32 an input and yields one f32 "
                       "a result");
  return success();
}

LogicalResult ProjectionOp::verify() {
  if (getHeads() < 1 || getK() < 1 || getN() < 1) // Y1
    return emitOpError("needs positive heads, k and n");
  Type element = getElement();
  if (!element.isBF16() && !element.isF16() && !element.isF32()) // Y2
    return emitOpError("multiplies bf16, f16 or f32, not ") << element;
  std::optional<ProjectionScheduleAttr> schedule = getSchedule();
  if (schedule && schedule->getEngine() == Engine::Amx &&
      (!element.isBF16() || getK() % 32 || getN() % 32)) // Y3
    return emitOpError("on engine amx multiplies bf16, with k and n multiples "
                       "of 32");
  if (std::optional<GPUProjectionScheduleAttr> gpu = getGpuSchedule();
      gpu && (getN() % gpu->getColumns() ||
              16 * int64_t(gpu->getStages()) > int64_t(getK())))
    return emitOpError("on a GPU has n of ") // Y4
           << getN() << " in blocks of " << gpu->getColumns() << ", and k of "
           << getK() << " in " << gpu->getStages() << " stages of 16 and more";
  GPUProjectionScheduleAttr gpu = getGpuScheduleAttr();
  int64_t rowStages = gpu ? gpu.getRowStages() : 0;
  if (getLatentRows() ? rowStages == 0 || getWideInput() ||
                            rowStages > 1 + static_cast<int64_t>(getK()) /
                                                attn::nvvm::sliceColumns(getK())
                      : rowStages != 0) // Y6
    return emitOpError(
        "with latent_rows, and it alone, has a gpu_schedule with "
        "row_stages, of which there are at most one more than "
        "slices of k, and no wide_input");
  if (getTail() < 0 || getTail() % 8 || (getTail() && !getLatentRows())) // Y7
    return emitOpError("copies a tail of ")
           << getTail()
           << " columns; it is a multiple of 8, and needs "
              "latent_rows";
  if (gpu && getTransposed() && gpu.getStages() != 1) // Y8
    return emitOpError("reads transposed weights, which come in one stage");
  if (getRest() && !element.isBF16()) // Y9
    return emitOpError("leaves a rest of bf16 alone, not of ") << element;
  if (getCombine() && !getWideInput()) // Y5
    return emitOpError("merges partial states, which are f32: it needs "
                       "wide_input");
  if (getCombine() && getGpuSchedule())
    return emitOpError("merges partial states, which no GPU kernel that "
                       "projects does; leave combine out");
  return success();
}

LogicalResult
ProjectionOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  FlatSymbolRefAttr name = getCombineAttr(); // Y5
  if (!name)
    return success();
  auto kernel =
      symbolTable.lookupNearestSymbolFrom<KernelOp>(getOperation(), name);
  if (!kernel || !kernel.getCombine() || !kernel.getWideOutput())
    return emitOpError("merges by ")
           << name << ", which is no tile.kernel with combine and wide_output";
  CacheAttr cache = kernel.getCache();
  int64_t heads = cache.getHeads() * int64_t(kernel.getGroup());
  if (heads != int64_t(getHeads()) ||
      cache.getV() != static_cast<int64_t>(getK()) ||
      cache.getElement() != getElement())
    return emitOpError("has ")
           << getHeads() << " heads of " << getK() << " columns of "
           << getElement() << ", but " << name << " merges " << heads << " of "
           << cache.getV() << " columns of " << cache.getElement();
  return success();
}
