//===- Rounding.cpp - Rounding to narrower formats --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Interpreter/Rounding.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"

using namespace attn::interp;

double attn::interp::roundTo(const llvm::fltSemantics &format, double value) {
  llvm::APFloat result(value);
  bool losesInfo;
  result.convert(format, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  result.convert(llvm::APFloat::IEEEdouble(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return result.convertToDouble();
}

double attn::interp::roundTo(mlir::Type type, double value) {
  auto floatType = llvm::dyn_cast<mlir::FloatType>(type);
  return floatType ? roundTo(floatType.getFloatSemantics(), value) : value;
}

void attn::interp::roundTo(mlir::Type type, Value &value) {
  auto roundAll = [type](std::vector<double> &data) {
    for (double &element : data)
      element = roundTo(type, element);
  };
  if (auto *tensor = std::get_if<Tensor>(&value))
    return roundAll(tensor->data);
  roundAll(std::get<Cache>(value).k);
  roundAll(std::get<Cache>(value).v);
}
