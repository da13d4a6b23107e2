//===-- EmulateAMX.cpp - AMX tiles as buffers -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile becomes a pointer to the buffer that its defining operation writes,
// one buffer per operation, in the function's entry block. An SSA value is used
// after the latest execution of its definition and before the next one, so the
// buffer holds the value wherever the value is used. There is one exception: a
// value that a loop carries into its next iteration, as a block argument, is
// used there while its definition is executed again. So a loop gets a buffer of
// its own for each tile it carries, and its end copies into it. As a yielded
// tile may be in another such buffer of the same loop (two tiles swap places),
// all are read before any is written.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "attn/EmulationX86/EmulationX86.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;

namespace {

bool isTile(Value value) { return isa<amx::TileType>(value.getType()); }

Value constantI64(ImplicitLocOpBuilder &b, int64_t value) {
  return LLVM::ConstantOp::create(b, b.getI64Type(),
                                  b.getI64IntegerAttr(value));
}

/// The buffer of a tile, in the entry block of the function around `op`.
Value createBuffer(ImplicitLocOpBuilder &b, Operation *op) {
  OpBuilder::InsertionGuard guard(b);
  auto function = op->getParentOfType<FunctionOpInterface>();
  b.setInsertionPointToStart(&function.getFunctionBody().front());
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), ATTN_EMU_TILE_BYTES);
  return LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                type, constantI64(b, 1), ATTN_EMU_TILE_COLSB);
}

void copyTile(ImplicitLocOpBuilder &b, Value to, Value from) {
  LLVM::MemcpyOp::create(b, to, from, constantI64(b, ATTN_EMU_TILE_BYTES),
                         /*isVolatile=*/false);
}

/// Calls an emulation function, which returns nothing, from where `op` is.
LogicalResult createCall(ImplicitLocOpBuilder &b, Operation *op, StringRef name,
                         ValueRange arguments) {
  FailureOr<LLVM::LLVMFuncOp> function =
      LLVM::lookupOrCreateFn(b, SymbolTable::getNearestSymbolTable(op), name,
                             llvm::to_vector(arguments.getTypes()),
                             LLVM::LLVMVoidType::get(b.getContext()));
  if (failed(function))
    return failure();
  LLVM::CallOp::create(b, *function, arguments);
  return success();
}

/// Rows and bytes per row of a tile, as arguments of a call.
Value rows(ImplicitLocOpBuilder &b, amx::TileType type) {
  return constantI64(b, type.getDimSize(0));
}
Value rowBytes(ImplicitLocOpBuilder &b, amx::TileType type) {
  return constantI64(b, type.getDimSize(1) * type.getElementTypeBitWidth() / 8);
}

/// Where a tile lies in memory: the address of its first row and the bytes from
/// one row to the next.
struct TileMemory {
  Value address;
  Value stride;
};

/// `base[indices]` and the stride of an amx.tile_load or tile_store; `stride`
/// is null where that of the second innermost dimension is meant.
TileMemory locateTile(ImplicitLocOpBuilder &b, Value base, ValueRange indices,
                      Value stride) {
  auto type = cast<MemRefType>(base.getType());
  auto metadata = memref::ExtractStridedMetadataOp::create(b, base);
  SmallVector<OpFoldResult> strides = metadata.getConstifiedMixedStrides();
  auto asValue = [&](OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
  };
  Value elementBytes =
      arith::ConstantIndexOp::create(b, type.getElementTypeBitWidth() / 8);
  auto inBytes = [&](Value elements) -> Value {
    Value bytes = b.createOrFold<arith::MulIOp>(elements, elementBytes);
    return arith::IndexCastOp::create(b, b.getI64Type(), bytes);
  };

  Value offset = asValue(metadata.getConstifiedMixedOffset());
  for (auto [index, step] : llvm::zip_equal(indices, strides))
    offset = b.createOrFold<arith::AddIOp>(
        offset, b.createOrFold<arith::MulIOp>(index, asValue(step)));
  if (!stride)
    stride = asValue(strides[strides.size() - 2]);

  Value start = arith::IndexCastOp::create(
      b, b.getI64Type(),
      memref::ExtractAlignedPointerAsIndexOp::create(b, base));
  Value address = arith::AddIOp::create(b, start, inBytes(offset));
  auto pointerType = LLVM::LLVMPointerType::get(b.getContext());
  return {LLVM::IntToPtrOp::create(b, pointerType, address), inBytes(stride)};
}

LogicalResult callFailure(ConversionPatternRewriter &rewriter, Operation *op) {
  return rewriter.notifyMatchFailure(
      op, "the emulation function is declared with another type");
}

struct TileZeroPattern : OpConversionPattern<amx::TileZeroOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(amx::TileZeroOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    amx::TileType type = op.getTileType();
    Value buffer = createBuffer(b, op);
    if (failed(createCall(b, op, "attn_emu_tilezero",
                          {buffer, rows(b, type), rowBytes(b, type)})))
      return callFailure(rewriter, op);
    rewriter.replaceOp(op, buffer);
    return success();
  }
};

struct TileLoadPattern : OpConversionPattern<amx::TileLoadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(amx::TileLoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    amx::TileType type = op.getTileType();
    Value buffer = createBuffer(b, op);
    auto [address, stride] = locateTile(
        b, adaptor.getBase(), adaptor.getIndices(), adaptor.getStride());
    if (failed(createCall(
            b, op, "attn_emu_tileloadd",
            {buffer, rows(b, type), rowBytes(b, type), address, stride})))
      return callFailure(rewriter, op);
    rewriter.replaceOp(op, buffer);
    return success();
  }
};

struct TileStorePattern : OpConversionPattern<amx::TileStoreOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(amx::TileStoreOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    amx::TileType type = op.getTileType();
    auto [address, stride] = locateTile(
        b, adaptor.getBase(), adaptor.getIndices(), adaptor.getStride());
    if (failed(createCall(b, op, "attn_emu_tilestored",
                          {adaptor.getVal(), rows(b, type), rowBytes(b, type),
                           address, stride})))
      return callFailure(rewriter, op);
    rewriter.eraseOp(op);
    return success();
  }
};

struct TileMulPattern : OpConversionPattern<amx::TileMulFOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(amx::TileMulFOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value buffer = createBuffer(b, op);
    if (failed(createCall(b, op, "attn_emu_tdpbf16ps",
                          {buffer, adaptor.getAcc(), adaptor.getLhs(),
                           adaptor.getRhs(), rows(b, op.getTileType()),
                           rowBytes(b, op.getTileType()),
                           rowBytes(b, op.getLhsTileType())})))
      return callFailure(rewriter, op);
    rewriter.replaceOp(op, buffer);
    return success();
  }
};

/// Gives a loop a buffer for each tile it carries. The new loop starts with
/// these buffers and yields them, so that its end finds them as initial values.
struct ForPattern : OpConversionPattern<scf::ForOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(scf::ForOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    SmallVector<Value> inits;
    for (auto [original, init] :
         llvm::zip_equal(op.getInitArgs(), adaptor.getInitArgs())) {
      if (!isTile(original)) {
        inits.push_back(init);
        continue;
      }
      inits.push_back(createBuffer(b, op));
      copyTile(b, inits.back(), init);
    }
    auto loop = scf::ForOp::create(
        b, adaptor.getLowerBound(), adaptor.getUpperBound(), adaptor.getStep(),
        inits, /*bodyBuilder=*/nullptr, op.getUnsignedCmp());
    loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.eraseBlock(loop.getBody());
    rewriter.inlineRegionBefore(op.getRegion(), loop.getRegion(),
                                loop.getRegion().end());
    if (failed(rewriter.convertRegionTypes(&loop.getRegion(), *typeConverter)))
      return rewriter.notifyMatchFailure(op,
                                         "a carried type has no conversion");
    rewriter.replaceOp(op, loop.getResults());
    return success();
  }
};

/// The end of a loop that ForPattern has built.
struct ForYieldPattern : OpConversionPattern<scf::YieldOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(scf::YieldOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto loop = dyn_cast<scf::ForOp>(op->getParentOp());
    if (!loop)
      return rewriter.notifyMatchFailure(op, "not the end of an scf.for");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    SmallVector<Value> yielded = llvm::to_vector(adaptor.getOperands());
    // Tiles that change: their buffer in the loop, and where they are now.
    SmallVector<std::pair<Value, Value>> moves;
    for (auto [i, original] : llvm::enumerate(op.getOperands())) {
      if (!isTile(original))
        continue;
      Value buffer = loop.getInitArgs()[i];
      if (yielded[i] != loop.getRegionIterArg(i))
        moves.push_back({buffer, yielded[i]});
      yielded[i] = buffer;
    }
    if (moves.size() > 1)
      for (auto &[buffer, source] : moves) {
        Value temporary = createBuffer(b, op);
        copyTile(b, temporary, source);
        source = temporary;
      }
    for (auto [buffer, source] : moves)
      copyTile(b, buffer, source);
    rewriter.replaceOpWithNewOp<scf::YieldOp>(op, yielded);
    return success();
  }
};

/// Reports what populateAMXPatterns does not cover of one operation.
LogicalResult checkTileUse(Operation *op) {
  auto isAnyTile = [](ValueRange values) {
    return llvm::any_of(values, isTile);
  };
  bool usesTiles = isAnyTile(op->getOperands()) ||
                   isAnyTile(op->getResults()) ||
                   llvm::any_of(op->getRegions(), [&](Region &region) {
                     return llvm::any_of(region, [&](Block &block) {
                       return isAnyTile(block.getArguments());
                     });
                   });
  if (!usesTiles)
    return success();

  if (isa<amx::TileMulIOp>(op))
    return op->emitOpError("has no emulation: only bf16 products have");
  if (auto product = dyn_cast<amx::TileMulFOp>(op))
    if (!product.getLhsTileType().getElementType().isBF16() ||
        !product.getRhsTileType().getElementType().isBF16())
      return op->emitOpError("has no emulation: only bf16 products have");
  bool isSupported =
      isa<amx::AMXDialect>(op->getDialect()) ||
      isa<scf::ForOp, scf::IfOp>(op) ||
      (isa<scf::YieldOp>(op) && isa<scf::ForOp, scf::IfOp>(op->getParentOp()));
  if (!isSupported)
    return op->emitOpError("must not carry AMX tiles to be emulated: only "
                           "amx, scf.for and scf.if may");

  // Buffers are the function's: nothing between may run in parallel, or be a
  // frame of its own.
  for (Operation *parent = op->getParentOp();; parent = parent->getParentOp()) {
    if (!parent)
      return op->emitOpError("must be in a function to be emulated");
    if (isa<FunctionOpInterface>(parent))
      return success();
    if (!isa<scf::SCFDialect>(parent->getDialect()) ||
        parent->hasTrait<OpTrait::HasParallelRegion>())
      return op->emitOpError("must not be inside '")
             << parent->getName() << "' to be emulated";
  }
}

} // namespace

LogicalResult attn::emulation::checkTileUses(Operation *root) {
  bool isValid = true;
  root->walk([&](Operation *op) { isValid &= succeeded(checkTileUse(op)); });
  return success(isValid);
}

void attn::emulation::populateAMXPatterns(TypeConverter &converter,
                                          RewritePatternSet &patterns,
                                          ConversionTarget &target) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion([](amx::TileType type) -> Type {
    return LLVM::LLVMPointerType::get(type.getContext());
  });
  // The upstream patterns are for scf.if, of which either branch may yield its
  // buffer as it is.
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  patterns.add<ForPattern, ForYieldPattern>(converter, patterns.getContext(),
                                            /*benefit=*/2);
  patterns
      .add<TileZeroPattern, TileLoadPattern, TileStorePattern, TileMulPattern>(
          converter, patterns.getContext());
  target.addIllegalDialect<amx::AMXDialect>();
  target.addLegalDialect<arith::ArithDialect, LLVM::LLVMDialect,
                         memref::MemRefDialect>();
}
