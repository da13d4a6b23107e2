// RUN: attn-opt %s --emulate-x86="features=avx512bf16" | FileCheck %s

// VCVTNEPS2BF16: rounds to nearest even, quiets NaNs, flushes denormals.
// CHECK-LABEL: func.func @truncate
// CHECK-SAME: (%[[X:.*]]: vector<16xf32>)
func.func @truncate(%x: vector<16xf32>) -> vector<16xbf16> {
  // CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : vector<16xf32> to vector<16xi32>
  // CHECK: %[[SIXTEEN:.*]] = arith.constant dense<16> : vector<16xi32>
  // CHECK: %[[UPPER:.*]] = arith.shrui %[[BITS]], %[[SIXTEEN]]
  // CHECK: %[[ONE:.*]] = arith.constant dense<1>
  // CHECK: %[[LEAST:.*]] = arith.andi %[[UPPER]], %[[ONE]]
  // CHECK: %[[HALF:.*]] = arith.constant dense<32767>
  // CHECK: %[[BIAS:.*]] = arith.addi %[[LEAST]], %[[HALF]]
  // CHECK: %[[ROUNDED:.*]] = arith.addi %[[BITS]], %[[BIAS]]
  // CHECK: %[[QUIET:.*]] = arith.constant dense<4194304>
  // CHECK: %[[NAN:.*]] = arith.ori %[[BITS]], %[[QUIET]]
  // CHECK: %[[IS_NAN:.*]] = arith.cmpi ugt
  // CHECK: %[[NAN_OR:.*]] = arith.select %[[IS_NAN]], %[[NAN]], %[[ROUNDED]]
  // CHECK: %[[SIGN:.*]] = arith.constant dense<-2147483648>
  // CHECK: %[[ZERO:.*]] = arith.andi %[[BITS]], %[[SIGN]]
  // CHECK: %[[IS_ZERO:.*]] = arith.cmpi ult
  // CHECK: %[[RESULT:.*]] = arith.select %[[IS_ZERO]], %[[ZERO]], %[[NAN_OR]]
  // CHECK: %[[SHIFTED:.*]] = arith.shrui %[[RESULT]], %[[SIXTEEN]]
  // CHECK: %[[I16:.*]] = arith.trunci %[[SHIFTED]] : vector<16xi32> to vector<16xi16>
  // CHECK: %[[BF16:.*]] = arith.bitcast %[[I16]] : vector<16xi16> to vector<16xbf16>
  // CHECK: return %[[BF16]]
  %0 = arith.truncf %x : vector<16xf32> to vector<16xbf16>
  return %0 : vector<16xbf16>
}

// CHECK-LABEL: func.func @other_shapes
func.func @other_shapes(%x: f32, %y: vector<2x3xf32>) -> (bf16, vector<2x3xbf16>) {
  // CHECK: arith.trunci %{{.*}} : i32 to i16
  // CHECK: arith.trunci %{{.*}} : vector<2x3xi32> to vector<2x3xi16>
  // CHECK-NOT: arith.truncf
  %0 = arith.truncf %x to_nearest_even : f32 to bf16
  %1 = arith.truncf %y : vector<2x3xf32> to vector<2x3xbf16>
  return %0, %1 : bf16, vector<2x3xbf16>
}

// CHECK-LABEL: func.func @packed
func.func @packed(%x: vector<8xf32>) -> vector<8xbf16> {
  // CHECK: arith.trunci %{{.*}} : vector<8xi32> to vector<8xi16>
  // CHECK-NOT: x86vector
  %0 = x86vector.avx512.cvt.packed.f32_to_bf16 %x : vector<8xf32> -> vector<8xbf16>
  return %0 : vector<8xbf16>
}

// The instruction implements none of these.
// CHECK-LABEL: func.func @untouched
func.func @untouched(%x: f32, %y: f64) -> (bf16, bf16, f16) {
  // CHECK: arith.truncf %{{.*}} toward_zero : f32 to bf16
  // CHECK: arith.truncf %{{.*}} : f64 to bf16
  // CHECK: arith.truncf %{{.*}} : f32 to f16
  %0 = arith.truncf %x toward_zero : f32 to bf16
  %1 = arith.truncf %y : f64 to bf16
  %2 = arith.truncf %x : f32 to f16
  return %0, %1, %2 : bf16, bf16, f16
}

// VDPBF16PS: first the odd elements, then the even ones; each sum is rounded,
// and flushed if it is tiny at an unbounded exponent.
// CHECK-LABEL: func.func @dot
// CHECK-SAME: (%[[S:.*]]: vector<16xf32>, %[[A:.*]]: vector<32xbf16>, %[[B:.*]]: vector<32xbf16>)
func.func @dot(%s: vector<16xf32>, %a: vector<32xbf16>, %b: vector<32xbf16>)
    -> vector<16xf32> {
  // CHECK: %[[X:.*]] = vector.bitcast %[[A]] : vector<32xbf16> to vector<16xi32>
  // CHECK: %[[Y:.*]] = vector.bitcast %[[B]] : vector<32xbf16> to vector<16xi32>
  // CHECK: %[[ODD:.*]] = arith.constant dense<-65536>
  // CHECK: %[[XODD:.*]] = arith.andi %[[X]], %[[ODD]]
  // CHECK: %[[YODD:.*]] = arith.andi %[[Y]], %{{.*}}
  // CHECK: %[[SUM:.*]] = vector.fma %[[XF:.*]], %[[YF:.*]], %[[ACC:.*]] : vector<16xf32>
  // CHECK: %[[SCALE:.*]] = arith.constant dense<1.84467441E+19>
  // CHECK: %[[XS:.*]] = arith.mulf %[[XF]], %[[SCALE]]
  // CHECK: %[[ACCS:.*]] = arith.mulf %[[ACC]], %[[SCALE]]
  // CHECK: vector.fma %[[XS]], %[[YF]], %[[ACCS]]
  // CHECK: arith.cmpf olt
  // CHECK: %[[FIRST:.*]] = arith.select
  // CHECK: arith.shli %[[X]],
  // CHECK: arith.shli %[[Y]],
  // CHECK: vector.fma
  // CHECK: vector.fma
  // CHECK-NOT: x86vector
  // CHECK: return
  %0 = x86vector.avx512.dot %s, %a, %b : vector<32xbf16> -> vector<16xf32>
  return %0 : vector<16xf32>
}

// CHECK-LABEL: func.func @dot128
func.func @dot128(%s: vector<4xf32>, %a: vector<8xbf16>) -> vector<4xf32> {
  // CHECK-COUNT-4: vector.fma {{.*}} : vector<4xf32>
  // CHECK-NOT: x86vector
  %0 = x86vector.avx512.dot %s, %a, %a : vector<8xbf16> -> vector<4xf32>
  return %0 : vector<4xf32>
}

// Without the feature, tiles stay.
// CHECK-LABEL: func.func @other_feature
func.func @other_feature() {
  // CHECK: amx.tile_zero
  %0 = amx.tile_zero : !amx.tile<16x16xf32>
  return
}
