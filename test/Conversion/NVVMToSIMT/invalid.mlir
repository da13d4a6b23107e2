// RUN: attn-opt %s --convert-nvvm-to-simt --split-input-file --verify-diagnostics

llvm.func @unknown(%x: i32) -> i32 {
  // expected-error @+1 {{cannot be emulated: no emulation}}
  %y = nvvm.match.sync any %x, %x : i32 -> i32
  llvm.return %y : i32
}

// -----

llvm.func @assembly(%x: i32) -> i32 {
  // expected-error @+1 {{inline assembly has no meaning to the emulator}}
  %y = llvm.inline_asm "mov.b32 $0, $1;", "=r,r" %x : (i32) -> i32
  llvm.return %y : i32
}

// -----

llvm.func @intrinsic(%x: f32) -> f32 {
  // expected-error @+1 {{no emulation of llvm.nvvm.sin.approx.ftz.f}}
  %y = llvm.call_intrinsic "llvm.nvvm.sin.approx.ftz.f"(%x) : (f32) -> f32
  llvm.return %y : f32
}

// -----

llvm.func @mma(%a: vector<2xf16>) -> !llvm.struct<(vector<2xf16>, vector<2xf16>)> {
  // expected-error @+1 {{with f32 accumulators only}}
  %d = nvvm.mma.sync A[%a, %a, %a, %a] B[%a, %a] C[%a, %a]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
      : (vector<2xf16>, vector<2xf16>, vector<2xf16>) -> !llvm.struct<(vector<2xf16>, vector<2xf16>)>
  llvm.return %d : !llvm.struct<(vector<2xf16>, vector<2xf16>)>
}

// -----

llvm.func @rounding(%x: f32) -> vector<2xbf16> {
  // expected-error @+1 {{rounding to nearest even only}}
  %d = nvvm.convert.f32x2.to.bf16x2 %x, %x {rnd = #nvvm.fp_rnd_mode<rz>} : vector<2xbf16>
  llvm.return %d : vector<2xbf16>
}

// -----

llvm.func @atomic(%p: !llvm.ptr<1>, %x: i16) {
  // expected-error @+1 {{32 and 64 bits only}}
  %old = llvm.atomicrmw add %p, %x monotonic : !llvm.ptr<1>, i16
  llvm.return
}

// -----

llvm.func @predicate(%m: !llvm.ptr<3>, %n: i32, %p: i1) {
  // expected-error @+1 {{no emulation of 'predicate'}}
  nvvm.mbarrier.init %m, %n, predicate = %p : !llvm.ptr<3>, i32, i1
  llvm.return
}

// -----

llvm.func @multicast(%to: !llvm.ptr<7>, %from: !llvm.ptr<1>, %m: !llvm.ptr<3>, %n: i32, %mask: i16) {
  // expected-error @+1 {{no emulation of clusters}}
  nvvm.cp.async.bulk.shared.cluster.global %to, %from, %m, %n multicast_mask = %mask : !llvm.ptr<7>, !llvm.ptr<1>
  llvm.return
}

// -----

gpu.module @kernels {
  // expected-error @+1 {{kernels have to be llvm.func}}
  gpu.func @k() kernel {
    gpu.return
  }
}

// -----

// expected-error @+1 {{global variables are not watched outside of shared memory}}
llvm.mlir.global internal @counter(0 : i32) {addr_space = 1 : i32} : i32

// -----

llvm.func @inline_copy(%to: !llvm.ptr, %from: !llvm.ptr) {
  // expected-error @+1 {{this kind of access is not watched}}
  "llvm.intr.memcpy.inline"(%to, %from) <{isVolatile = false, len = 4 : i64}> : (!llvm.ptr, !llvm.ptr) -> ()
  llvm.return
}

// -----

llvm.func @masked(%from: !llvm.ptr, %mask: vector<4xi1>, %other: vector<4xf32>) -> vector<4xf32> {
  // expected-error @+1 {{this kind of access is not watched}}
  %x = llvm.intr.masked.load %from, %mask, %other {alignment = 4 : i32} : (!llvm.ptr, vector<4xi1>, vector<4xf32>) -> vector<4xf32>
  llvm.return %x : vector<4xf32>
}
