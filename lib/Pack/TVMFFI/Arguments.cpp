//===- Arguments.cpp - Reading the arguments of a call ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <cstdarg>
#include <cstdio>

using namespace attn::tvmffi;

// Weak: a pack opened by others than TVM-FFI has no use for it.
extern "C" __attribute__((weak, visibility("default"))) void
TVMFFIErrorSetRaisedFromCStr( // NOLINT(readability-identifier-naming): theirs
    const char *kind, const char *message);

Arguments::Arguments(const Any *args, int32_t count, int32_t expected)
    : args(args) {
  require(count == expected, "%d arguments expected, %d given", expected,
          count);
}

bool Arguments::require(bool holds, const char *format, ...) {
  if (holds || !good)
    return good;
  good = false;
  char text[512];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (TVMFFIErrorSetRaisedFromCStr)
    TVMFFIErrorSetRaisedFromCStr("ValueError", text);
  return false;
}

bool Arguments::require(attn_status status) {
  return require(status == ATTN_OK, "%s: %s", attn_status_name(status),
                 attn_error_message());
}

Tensor Arguments::tensor(int index, const char *name, int rank) {
  Tensor tensor;
  if (!good)
    return tensor;
  const Any &any = args[index];
  // An object's header: reference counts, type, deleter.
  constexpr int64_t headerBytes = 24;
  const DLTensor *source =
      any.type == kDLTensor ? static_cast<const DLTensor *>(any.pointer)
      : any.type == kTensor
          ? reinterpret_cast<const DLTensor *>(
                static_cast<const char *>(any.pointer) + headerBytes)
          : nullptr;
  if (!require(source, "%s: a tensor is expected", name) ||
      !require(source->deviceType == 1, "%s: not on the CPU", name) ||
      !require(source->typeLanes == 1, "%s: elements are vectors", name) ||
      !require(source->rank == rank, "%s: %d dimensions expected, %d given",
               name, rank, source->rank))
    return tensor;
  int64_t dense = 1;
  for (int i = rank; i-- > 0;) {
    tensor.shape[i] = source->shape[i];
    tensor.strides[i] = source->strides ? source->strides[i] : dense;
    dense *= source->shape[i];
  }
  if (!require(tensor.shape[rank - 1] <= 1 || tensor.strides[rank - 1] == 1,
               "%s: the last dimension is not contiguous", name))
    return tensor;
  tensor.data = static_cast<char *>(source->data) + source->byteOffset;
  tensor.source = source;
  return tensor;
}

Tensor Arguments::optionalTensor(int index, const char *name, int rank) {
  return good && args[index].type == kNone ? Tensor()
                                           : tensor(index, name, rank);
}

Tensor Arguments::element(int index, const char *name, int rank) {
  Tensor result = tensor(index, name, rank);
  if (!result)
    return result;
  uint8_t code = result.source->typeCode, bits = result.source->typeBits;
  int32_t type = (code == 4 || code == 1) && bits == 16 ? ATTN_BF16
                 : code == 2 && bits == 16              ? ATTN_F16
                 : code == 2 && bits == 32              ? ATTN_F32
                                                        : -1;
  require(type >= 0, "%s: neither bf16 (uint16) nor f16 nor f32", name);
  if (elementType < 0)
    elementType = type;
  require(type == elementType, "%s: of another type than the first tensor",
          name);
  return result;
}

Tensor Arguments::optionalElement(int index, const char *name, int rank) {
  return good && args[index].type == kNone ? Tensor()
                                           : element(index, name, rank);
}

Tensor Arguments::dense(int index, const char *name, int rank, uint8_t code,
                        uint8_t bits) {
  Tensor result = tensor(index, name, rank);
  if (!result)
    return result;
  require(result.source->typeCode == code && result.source->typeBits == bits,
          "%s: %s%d is expected", name,
          code == 0   ? "int"
          : code == 1 ? "uint"
                      : "float",
          bits);
  int64_t stride = 1;
  for (int i = rank; i-- > 0; stride *= result.shape[i])
    require(result.shape[i] <= 1 || result.strides[i] == stride,
            "%s: not contiguous", name);
  return result;
}

Tensor Arguments::optionalDense(int index, const char *name, int rank,
                                uint8_t code, uint8_t bits) {
  return good && args[index].type == kNone
             ? Tensor()
             : dense(index, name, rank, code, bits);
}

int64_t Arguments::integer(int index, const char *name) {
  if (!good || !require(args[index].type == kInt || args[index].type == kBool,
                        "%s: an integer is expected", name))
    return 0;
  return args[index].integer;
}

int32_t Arguments::narrow(int64_t value, const char *name) {
  require(value >= 0 && value <= INT32_MAX, "%s: %lld is not in [0, 2^31 - 1]",
          name, static_cast<long long>(value));
  return static_cast<int32_t>(value);
}

double Arguments::real(int index, const char *name) {
  if (good && args[index].type == kInt)
    return static_cast<double>(args[index].integer);
  if (!good ||
      !require(args[index].type == kFloat, "%s: a float is expected", name))
    return 0;
  return args[index].real;
}

void *Arguments::pointer(int index, const char *name) {
  if (!good || args[index].type == kNone ||
      !require(args[index].type == kPointer, "%s: a pointer is expected", name))
    return nullptr;
  return args[index].pointer;
}
