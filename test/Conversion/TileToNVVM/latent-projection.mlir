// RUN: attn-opt %s --convert-tile-to-nvvm --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --convert-tile-to-nvvm=dependent-launch --canonicalize --cse | FileCheck %s --check-prefix=PDL

// A CTA keeps its columns of W_UK, rows of it where it is transposed, in one
// commit.

// CHECK-LABEL: llvm.func @key(
// CHECK-SAME:  attn.gpu_projection = {column_blocks = 1 : i64, ctas_per_sm = 1 : i64, dtype = 0 : i64, flags = 768 : i64, heads = 4 : i64, in_dtype = 0 : i64, k_dim = 128 : i64, n_dim = 32 : i64, rows = 32 : i64, shared_bytes = 20992 : i64, stages = 1 : i64, tail = 8 : i64, threads = 64 : i64}
// CHECK:       nvvm.cp.async.shared.global
// CHECK:       nvvm.cp.async.commit.group

// Requests, one after the other. First of each: where its first rows lie, and
// copies of their first two slices.

// CHECK:       scf.for
// CHECK:         scf.if
// CHECK:           nvvm.barrier0
// CHECK:           nvvm.barrier0
// CHECK:           scf.if
// CHECK:             nvvm.cp.async.shared.global
// CHECK:           nvvm.cp.async.commit.group
// CHECK:           nvvm.cp.async.commit.group

// Blocks of 32 rows: the next one's addresses, this one's rotary columns, and
// the two slices of 64 columns, of which a warp multiplies 16 rows with 32
// columns: four steps of four products.

// CHECK:           scf.for
// CHECK:             llvm.store {{.*}} : i64, !llvm.ptr<3>
// CHECK:             llvm.load {{.*}} : !llvm.ptr<1> -> vector<4xi32>
// CHECK:             scf.for
// CHECK:               nvvm.cp.async.wait.group 1
// CHECK-NEXT:          nvvm.barrier0
// CHECK:               nvvm.cp.async.commit.group
// CHECK:               nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK:               nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK-COUNT-16:      nvvm.mma.sync
// CHECK-NOT:           nvvm.mma.sync
// CHECK:             arith.truncf {{.*}} : vector<2xf32> to vector<2xbf16>
// CHECK:             llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<1>

// It waits for the launch before it when all is done.

// PDL-LABEL: llvm.func @key(
// PDL:       nvvm.griddepcontrol launch_dependents
// PDL:       nvvm.mma.sync
// PDL:       nvvm.griddepcontrol wait
// PDL-NEXT:  llvm.return
tile.projection @key {latent_rows, tail = 8 : i64, transposed, heads = 4 : i64, k = 128 : i64, n = 32 : i64, element = bf16,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 2, rows = 32, columns = 32, stages = 1, ctas_per_sm = 1, row_stages = 3, row_warps = 2>}

// Weights as [k, n] are transposed on their way to the registers; without a tail
// nothing is copied.

// CHECK-LABEL: llvm.func @value(
// CHECK-NOT:   vector<4xi32>
// CHECK:       nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>, num = 4 : i32
// CHECK-NOT:   vector<4xi32>
tile.projection @value {latent_rows, heads = 4 : i64, k = 128 : i64, n = 32 : i64, element = f16,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 1, rows = 32, columns = 32, stages = 1, ctas_per_sm = 1, row_stages = 2>}
