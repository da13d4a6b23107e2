//===- Arguments.h - Reading the arguments of a call ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The part of TVM-FFI's C ABI (tvm/ffi/c_api.h, version 0.1) and of DLPack's
// that a pack speaks. Declared here, so that a pack is made without them: what
// may not change is the layout, which both projects keep stable.

#ifndef ATTN_LIB_PACK_TVMFFI_ARGUMENTS_H
#define ATTN_LIB_PACK_TVMFFI_ARGUMENTS_H

#include "attn_runtime.h"

namespace attn::tvmffi {

/// TVMFFIAny: a value of any type.
struct Any {
  int32_t type; ///< Type
  uint32_t padding;
  union {
    int64_t integer;
    double real;
    void *pointer;
  };
};

enum Type : int32_t {
  kNone = 0,
  kInt = 1,
  kBool = 2,
  kFloat = 3,
  kPointer = 4,  ///< opaque
  kDLTensor = 7, ///< pointer to a DLTensor
  kTensor = 70   ///< pointer to an object: a header, then a DLTensor
};

/// DLPack's DLTensor.
struct DLTensor {
  void *data;
  int32_t deviceType, deviceId; ///< 1: CPU
  int32_t rank;
  uint8_t typeCode; ///< 0: int, 1: uint, 2: float, 4: bfloat
  uint8_t typeBits;
  uint16_t typeLanes;
  int64_t *shape;
  int64_t *strides; ///< in elements; null: dense
  uint64_t byteOffset;
};

/// A tensor argument whose innermost dimension is contiguous.
struct Tensor {
  void *data = nullptr;
  int64_t shape[5] = {};
  int64_t strides[5] = {};
  const DLTensor *source = nullptr;

  explicit operator bool() const { return source; }
};

/// The arguments of one call. The first problem is reported to TVM-FFI, and
/// what is read after it is empty.
class Arguments {
public:
  Arguments(const Any *args, int32_t count, int32_t expected);

  /// A tensor of `rank` dimensions on the CPU.
  Tensor tensor(int index, const char *name, int rank);
  /// The same, or none.
  Tensor optionalTensor(int index, const char *name, int rank);
  /// A tensor of q's type, which is bf16 (of NumPy, which has none, as uint16),
  /// f16 or f32; the first one sets the type.
  Tensor element(int index, const char *name, int rank);
  Tensor optionalElement(int index, const char *name, int rank);
  /// A dense tensor of another type.
  Tensor dense(int index, const char *name, int rank, uint8_t code,
               uint8_t bits);
  Tensor optionalDense(int index, const char *name, int rank, uint8_t code,
                       uint8_t bits);
  int64_t integer(int index, const char *name);
  double real(int index, const char *name);
  /// `value` of the argument `name` as the ABI has it, in 32 bits.
  int32_t narrow(int64_t value, const char *name);
  /// Null for none.
  void *pointer(int index, const char *name);

  /// Complains, if nothing is wrong so far, unless `holds`.
  bool require(bool holds, const char *format, ...)
      __attribute__((format(printf, 3, 4)));
  /// Complains unless the status is ATTN_OK.
  bool require(attn_status status);
  bool ok() const { return good; }
  int32_t dtype() const { return elementType; }

private:
  const Any *args;
  int32_t elementType = -1;
  bool good = true;
};

} // namespace attn::tvmffi

#endif // ATTN_LIB_PACK_TVMFFI_ARGUMENTS_H
