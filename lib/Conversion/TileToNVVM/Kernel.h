//===- Kernel.h - State of one kernel's lowering to NVVM --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_KERNEL_H
#define ATTN_LIB_CONVERSION_TILETONVVM_KERNEL_H

#include "Emitter.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn_gpu_abi.h"
#include "llvm/ADT/DenseMap.h"

namespace attn::nvvm {

/// What one thread holds of a tile, in the order that the kernel's geometry
/// says: a matrix, or one value for each of the thread's rows.
using Fragment = SmallVector<Value>;

/// The tokens of a request that a kernel reads. All i32.
struct Request {
  Value length;     ///< tokens, 0 or more
  Value firstToken; ///< the first that any query sees
  Value firstTile;  ///< the tile it lies in
  Value tiles;      ///< from there to the end
};

/// What the parts of the lowering need to know about the kernel at hand.
/// Positions, lengths and units are i32; strides and addresses i64.
struct Kernel {
  Kernel(mlir::OpBuilder &b, tile::KernelOp op)
      : e(b, op.getLoc()), op(op), cache(op.getCache()),
        schedule(op.getGpuScheduleAttr()) {}

  Emitter e;
  tile::KernelOp op;
  tile::CacheAttr cache;
  tile::GPUScheduleAttr schedule;

  // Run-time values.
  Value args;               ///< the attn_gpu_args
  Value thread, warp, lane; ///< in the CTA, in the CTA, in the warp
  Value head;               ///< KV head; query head where it decompresses
  Value request;            ///< index
  Value firstQuery;         ///< position of the first query token
  Value keyEnd;             ///< one past the last token of this piece of work
  Value firstRow;           ///< of this CTA among the rows of the KV head

  int64_t threads() const { return schedule.getWarps() * kWarp; }
  int64_t warps() const { return schedule.getWarps(); }
  CTA cta() const { return {threads(), thread}; }
  int64_t kvTile() const { return schedule.getKvTile(); }
  bool decompresses() { return op.getUp().has_value(); }
  /// Heads that have a K of their own, and query heads of each.
  int64_t heads() { return decompresses() ? queryHeads() : cache.getHeads(); }
  int64_t group() { return decompresses() ? 1 : op.getGroup(); }
  int64_t rows() { return op.getRows(); }
  int64_t queryHeads() { return cache.getHeads() * op.getGroup(); }
  /// The head of the cache that `head` reads.
  Value cacheHead() {
    return decompresses() ? e.div(head, op.getGroup()) : head;
  }
  Type element() const { return cache.getElement(); }

  DecodeShape decodeShape();

  /// A field of the arguments, or of their attn_kernel_args.
  Value field(int64_t offset, Type type) {
    return e.load(e.ptr(args, offset), type, 8);
  }
  Value globalField(int64_t offset) { return field(offset, e.pointer(Global)); }
  /// An i64 field that is known to fit 32 bits.
  Value smallField(int64_t offset) {
    return e.toI32(field(offset, e.i64Type()));
  }
  Value i64Field(int64_t offset) { return field(offset, e.i64Type()); }
  /// Entry of the plan.
  Value planEntry(Value index);
  /// Reads thread, warp and lane.
  void identifyThread();
  /// Reads the length of a request.
  Request readRequest(Value request);
  /// Tiles per unit: 1, or those of a chunk in the batch-invariant mode.
  Value tilesPerUnit();
};

/// Where the elements of a thread's fragments lie.
class Geometry {
public:
  virtual ~Geometry() = default;
  /// The row, among the thread's, that element `i` of a matrix lies in.
  virtual int64_t rowOf(int64_t i, int64_t elements) const = 0;
  /// Row of the KV head that the thread's row `r` is.
  virtual Value rowIndex(int64_t r) = 0;
  /// Position of the token that column element `i` of a score matrix is.
  virtual Value keyOf(int64_t i, int64_t elements) = 0;
};

/// The fragments of a kernel's tiles.
using Fragments = llvm::DenseMap<Value, Fragment>;

/// The fragments that a stream carries, as one list of values: a matrix has
/// `elements` of them, what there is one of a row `rows`.
class CarriedTiles {
public:
  CarriedTiles(ValueRange inits, int64_t elements, int64_t rows);
  /// Their first values: those of the constants that the stream starts from.
  SmallVector<Value> initialValues(Emitter &e) const;
  /// Deals a list of values to `tiles`.
  void spread(ValueRange values, ValueRange tiles, Fragments &fragments) const;

private:
  ValueRange inits;
  SmallVector<int64_t> sizes;
};

/// Whether a stream starts from constants, as those of the lowerings do; an
/// error otherwise.
mlir::LogicalResult checkInits(mlir::Operation *stream);

/// Lowers a map over fragments: one fragment a result, reductions over what the
/// thread itself holds of a row. Failure after an error.
mlir::FailureOr<SmallVector<Fragment>> emitMap(Kernel &k, Geometry &geometry,
                                               tile::MapOp map,
                                               ArrayRef<Fragment> inputs);

/// Combines two values as a reduction does.
Value emitReduction(Emitter &e, tile::Reduction kind, Value x, Value y);

/// Offsets of a row in an output tensor and in the log-sum-exps' (elements,
/// i64), from its index among the rows of the KV head.
struct RowAddress {
  Value out, lse;
};
/// In the caller's tensors.
RowAddress emitOutputRow(Kernel &k, Value row);
/// In a slot of the partial states.
RowAddress emitPartialRow(Kernel &k, Value row, Value slot);
/// The query head (i32) that a row belongs to.
Value emitQueryHead(Kernel &k, Value row);

// The functions of a kernel, each made before its `tile.kernel`; failure after
// an error. `dependentLaunch` orders the three of a call by griddepcontrol.
mlir::LogicalResult lowerPlan(tile::KernelOp decode, bool dependentLaunch);
mlir::LogicalResult lowerDecode(tile::KernelOp decode, bool dependentLaunch);
/// Both `<name>_combine` and `<name>_merge`.
mlir::LogicalResult lowerCombine(tile::KernelOp combine, bool dependentLaunch);
mlir::LogicalResult lowerAppend(tile::KernelOp decode);
/// The function of a projection, of its name, in its place; failure after an
/// error.
mlir::LogicalResult lowerProjection(tile::ProjectionOp op,
                                    bool dependentLaunch);

/// Rows that a CTA of the combine kernel merges, a warp each.
constexpr int64_t kCombineRows = 4;
/// Threads of the plan kernel: one warp scans the lengths.
constexpr int64_t kPlanThreads = kWarp;

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_KERNEL_H
