// RUN: attn-opt %s --convert-tile-to-nvvm --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --convert-tile-to-nvvm=dependent-launch --canonicalize --cse | FileCheck %s --check-prefix=PDL

// A projection sends for all of a CTA's weights before anything else, in a
// commit a stage: 32 rows of 32 columns are four chunks of 16 bytes each, a
// thread two of them.

// CHECK-LABEL: llvm.func @up(%{{.*}}: !llvm.ptr {{{.*}}llvm.byval = !llvm.struct<(array<64 x i64>)>, nvvm.grid_constant})
// CHECK-SAME:  attn.gpu_projection = {column_blocks = 2 : i64, ctas_per_sm = 4 : i64, dtype = 0 : i64, flags = 0 : i64, heads = 4 : i64, in_dtype = 0 : i64, k_dim = 32 : i64, n_dim = 64 : i64, rows = 32 : i64, shared_bytes = 4096 : i64, stages = 2 : i64, tail = 0 : i64, threads = 64 : i64}
// CHECK-SAME:  nvvm.minctasm = 4 : i32, nvvm.reqntid = array<i32: 64>
// CHECK:       nvvm.cp.async.shared.global {{.*}} cache =  cg
// CHECK-NEXT:  nvvm.cp.async.commit.group
// CHECK:       nvvm.cp.async.shared.global
// CHECK-NEXT:  nvvm.cp.async.commit.group

// The tail of each row, where one is wanted, 16 bytes a thread.

// CHECK:       scf.if
// CHECK:         scf.for
// CHECK:           llvm.load {{.*}} : !llvm.ptr<1> -> vector<4xi32>
// CHECK:           llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<1>

// Then the rows, 32 at a time; the last 16 or fewer as one block of 16. The
// product begins when the first stage has come: one step of 16 rows of weights
// a stage, 16 columns a warp.

// CHECK:       scf.for
// CHECK:         scf.if
// CHECK:           llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<3>
// CHECK:           nvvm.cp.async.wait.group 1
// CHECK-NEXT:      nvvm.barrier0
// CHECK:           nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK:           nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>, num = 4 : i32
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK:           nvvm.cp.async.wait.group 0
// CHECK-NEXT:      nvvm.barrier0
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK:           arith.truncf {{.*}} : vector<2xf32> to vector<2xbf16>
// CHECK:           nvvm.barrier0
// CHECK:         scf.if
// CHECK:           nvvm.cp.async.wait.group 1
// CHECK-COUNT-4:   nvvm.mma.sync
// CHECK:           nvvm.cp.async.wait.group 0

// The kernel before it is waited for when the weights are on their way.

// PDL-LABEL: llvm.func @up(
// PDL:       nvvm.griddepcontrol launch_dependents
// PDL:       nvvm.cp.async.shared.global
// PDL:       nvvm.cp.async.commit.group
// PDL:       nvvm.cp.async.commit.group
// PDL-NOT:   nvvm.cp.async
// PDL:       nvvm.griddepcontrol wait
tile.projection @up {heads = 4 : i64, k = 32 : i64, n = 64 : i64, element = bf16,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 2, rows = 32, columns = 32, stages = 2, ctas_per_sm = 4>}

// An f32 input becomes two numbers of 16 bits: what the first leaves over is the
// second. Each multiplies the same operand of the weights.

// CHECK-LABEL: llvm.func @wide(
// CHECK-SAME:  in_dtype = 2 : i64
// CHECK:       %[[X:.*]] = llvm.load {{.*}} : !llvm.ptr<1> -> vector<4xf32>
// CHECK:       %[[HIGH:.*]] = arith.truncf %[[PAIR:.*]] : vector<2xf32> to vector<2xf16>
// CHECK-NEXT:  %[[BACK:.*]] = arith.extf %[[HIGH]] : vector<2xf16> to vector<2xf32>
// CHECK-NEXT:  %[[REST:.*]] = arith.subf %[[PAIR]], %[[BACK]] : vector<2xf32>
// CHECK-NEXT:  arith.truncf %[[REST]] : vector<2xf32> to vector<2xf16>
// CHECK:       nvvm.cp.async.wait.group 0
// CHECK:       nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>
// CHECK:       nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>
// CHECK:       nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>
// CHECK-COUNT-4: nvvm.mma.sync
tile.projection @wide {heads = 4 : i64, k = 16 : i64, n = 32 : i64, element = f16, wide_input,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 2, rows = 16, columns = 32, stages = 1, ctas_per_sm = 2>}
