//===- Emitter.cpp - Calls of the SIMT emulator ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "mlir/IR/Location.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace attn::simt;

static constexpr int64_t kScratchWords = 16;

/// "file:line:column: name", or the function in the place of an unknown file.
static std::string describe(Operation *op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (auto file = op->getLoc()->findInstanceOf<FileLineColLoc>())
    out << file.getFilename().getValue() << ":" << file.getLine() << ":"
        << file.getColumn();
  else if (auto function = op->getParentOfType<FunctionOpInterface>())
    out << function.getName();
  out << ": " << op->getName();
  if (auto intrinsic = dyn_cast<LLVM::CallIntrinsicOp>(op))
    out << " " << intrinsic.getIntrin();
  return text;
}

Value Emitter::site() {
  if (numbered != current) {
    numbered = current;
    sites += describe(current);
    sites += '\0';
    ++numSites;
  }
  return i32(numSites - 1);
}

Value Emitter::i32(int64_t value) {
  return LLVM::ConstantOp::create(b, b.getI32Type(),
                                  b.getI32IntegerAttr(value));
}

Value Emitter::i64(int64_t value) {
  return LLVM::ConstantOp::create(b, b.getI64Type(),
                                  b.getI64IntegerAttr(value));
}

Value Emitter::call(StringRef name, Type resultType, ValueRange arguments) {
  LLVM::LLVMFuncOp &function = functions[name];
  if (!function) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    Type result =
        resultType ? resultType : LLVM::LLVMVoidType::get(b.getContext());
    auto type = LLVM::LLVMFunctionType::get(
        result, llvm::to_vector(arguments.getTypes()));
    function = LLVM::LLVMFuncOp::create(b, module.getLoc(), name, type);
  }
  auto call = LLVM::CallOp::create(b, function, arguments);
  return resultType ? call.getResult() : Value();
}

Value Emitter::plain(Value pointer) {
  auto type = cast<LLVM::LLVMPointerType>(pointer.getType());
  if (type.getAddressSpace() == 0)
    return pointer;
  return LLVM::AddrSpaceCastOp::create(b, pointerType(), pointer);
}

Value Emitter::scratch() {
  auto function = current->getParentOfType<FunctionOpInterface>();
  Value &scratch = scratches[function];
  if (!scratch) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getFunctionBody().front());
    scratch = LLVM::AllocaOp::create(b, pointerType(), b.getI32Type(),
                                     i64(kScratchWords), /*alignment=*/16);
  }
  return scratch;
}

Value Emitter::scratchWord(int64_t index) {
  return LLVM::GEPOp::create(b, pointerType(), b.getI32Type(), scratch(),
                             ArrayRef<LLVM::GEPArg>{int32_t(index)});
}

Value Emitter::toBits(Value value, unsigned width) {
  Type integer = b.getIntegerType(width);
  if (isa<LLVM::LLVMPointerType>(value.getType()))
    return LLVM::PtrToIntOp::create(b, integer, value);
  unsigned bits = value.getType().getIntOrFloatBitWidth();
  if (!value.getType().isInteger())
    value = LLVM::BitcastOp::create(b, b.getIntegerType(bits), value);
  if (bits < width)
    value = LLVM::ZExtOp::create(b, integer, value);
  return value;
}

Value Emitter::fromBits(Value bits, Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return LLVM::IntToPtrOp::create(b, type, bits);
  unsigned width = type.getIntOrFloatBitWidth();
  if (bits.getType().getIntOrFloatBitWidth() > width)
    bits = LLVM::TruncOp::create(b, b.getIntegerType(width), bits);
  if (bits.getType() != type)
    bits = LLVM::BitcastOp::create(b, type, bits);
  return bits;
}
