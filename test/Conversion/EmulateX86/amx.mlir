// RUN: attn-opt %s --emulate-x86="features=amx" --split-input-file | FileCheck %s

// The example of the pass's documentation.
// CHECK-DAG: llvm.func @attn_emu_tilezero(!llvm.ptr, i64, i64)
// CHECK-DAG: llvm.func @attn_emu_tileloadd(!llvm.ptr, i64, i64, !llvm.ptr, i64)
// CHECK-DAG: llvm.func @attn_emu_tdpbf16ps(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64, i64)
// CHECK-DAG: llvm.func @attn_emu_tilestored(!llvm.ptr, i64, i64, !llvm.ptr, i64)

// CHECK-LABEL: func.func @product
// CHECK-SAME: (%[[X:.*]]: memref<?xbf16>, %{{.*}}: memref<?xf32>, %[[STRIDE:.*]]: index)
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i64) : i64
// CHECK: %[[C:.*]] = llvm.alloca %[[ONE]] x !llvm.array<1024 x i8> {alignment = 64 : i64} : (i64) -> !llvm.ptr
// CHECK: %[[ACC:.*]] = llvm.alloca
// CHECK: %[[B:.*]] = llvm.alloca
// CHECK: %[[A:.*]] = llvm.alloca
// CHECK-NOT: llvm.alloca
func.func @product(%x: memref<?xbf16>, %z: memref<?xf32>, %stride: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // CHECK-DAG: %[[START:.*]] = memref.extract_aligned_pointer_as_index %[[X]]
  // CHECK-DAG: %[[START64:.*]] = arith.index_cast %[[START]] : index to i64
  // CHECK: %[[SUM:.*]] = arith.addi %[[START64]], %{{.*}} : i64
  // CHECK: %[[ADDRESS:.*]] = llvm.inttoptr %[[SUM]] : i64 to !llvm.ptr
  // CHECK: %[[BYTES:.*]] = arith.muli %[[STRIDE]], %c2
  // CHECK: %[[BYTES64:.*]] = arith.index_cast %[[BYTES]] : index to i64
  // CHECK: %[[ROWS:.*]] = llvm.mlir.constant(5 : i64)
  // CHECK: %[[COLSB:.*]] = llvm.mlir.constant(12 : i64)
  // CHECK: llvm.call @attn_emu_tileloadd(%[[A]], %[[ROWS]], %[[COLSB]], %[[ADDRESS]], %[[BYTES64]])
  %a = amx.tile_load %x[%c0], %stride : memref<?xbf16> into !amx.tile<5x6xbf16>
  // CHECK: llvm.call @attn_emu_tileloadd(%[[B]],
  %b = amx.tile_load %x[%c8], %stride : memref<?xbf16> into !amx.tile<3x8xbf16>
  // CHECK: %[[ACC_ROWS:.*]] = llvm.mlir.constant(5 : i64)
  // CHECK: %[[ACC_COLSB:.*]] = llvm.mlir.constant(16 : i64)
  // CHECK: llvm.call @attn_emu_tilezero(%[[ACC]], %[[ACC_ROWS]], %[[ACC_COLSB]])
  %acc = amx.tile_zero : !amx.tile<5x4xf32>
  // CHECK: %[[M:.*]] = llvm.mlir.constant(5 : i64)
  // CHECK: %[[N_BYTES:.*]] = llvm.mlir.constant(16 : i64)
  // CHECK: %[[K_BYTES:.*]] = llvm.mlir.constant(12 : i64)
  // CHECK: llvm.call @attn_emu_tdpbf16ps(%[[C]], %[[ACC]], %[[A]], %[[B]], %[[M]], %[[N_BYTES]], %[[K_BYTES]])
  %c = amx.tile_mulf %a, %b, %acc
      : !amx.tile<5x6xbf16>, !amx.tile<3x8xbf16>, !amx.tile<5x4xf32>
  // CHECK: llvm.call @attn_emu_tilestored(%[[C]],
  amx.tile_store %z[%c0], %c, %stride : memref<?xf32>, !amx.tile<5x4xf32>
  return
}

// -----

// The stride is that of the second innermost dimension; offset and strides may
// be dynamic.
// CHECK-LABEL: llvm.func @implicit_stride
llvm.func @implicit_stride(%p: !llvm.ptr) {
  %0 = builtin.unrealized_conversion_cast %p
      : !llvm.ptr to memref<4x32x?xi8, strided<[?, ?, 1], offset: ?>>
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  // CHECK: %{{.*}}, %[[OFFSET:.*]], %{{.*}}:3, %[[STRIDES:.*]]:3 = memref.extract_strided_metadata
  // CHECK: arith.muli %[[STRIDES]]#0, %c3
  // CHECK: arith.addi %[[OFFSET]],
  // CHECK: arith.addi %{{.*}}, %[[STRIDES]]#1
  // CHECK: %[[STRIDE:.*]] = arith.index_cast %[[STRIDES]]#1 : index to i64
  // CHECK: llvm.call @attn_emu_tileloadd(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[STRIDE]])
  %1 = amx.tile_load %0[%c3, %c1, %c1]
      : memref<4x32x?xi8, strided<[?, ?, 1], offset: ?>>
      into !amx.tile<16x64xi8>
  llvm.return
}

// -----

// Without the feature, nothing changes.
// CHECK-LABEL: func.func @other_feature
func.func @other_feature(%x: f32) -> bf16 {
  // CHECK: arith.truncf
  %0 = arith.truncf %x : f32 to bf16
  return %0 : bf16
}
