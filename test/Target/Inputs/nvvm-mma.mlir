// One warp: c[16][8] += a[16][16] * b[16][8] over k tiles of 16. Tiles of a and b
// come by cp.async (zero-filled past `bytes`) into dynamic shared memory, are read
// by ldmatrix and multiplied by mma.sync.
llvm.mlir.global external @dsmem() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>

llvm.func @mma(%a: !llvm.ptr<1>, %b: !llvm.ptr<1>, %c: !llvm.ptr<1>, %tiles: i32, %bytes: i32)
    attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  %c1 = arith.constant 1 : i32
  %c0 = arith.constant 0 : i32
  %c16 = arith.constant 16 : i32
  %c256 = arith.constant 256 : i32
  %zero = arith.constant 0.0 : f32
  %lane = nvvm.read.ptx.sreg.laneid : i32
  %shared = llvm.mlir.addressof @dsmem : !llvm.ptr<3>
  %offset = arith.muli %lane, %c16 : i32
  %toA = llvm.getelementptr %shared[%offset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %toB = llvm.getelementptr %toA[512] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %sum:4 = scf.for %tile = %c0 to %tiles step %c1
      iter_args(%s0 = %zero, %s1 = %zero, %s2 = %zero, %s3 = %zero) -> (f32, f32, f32, f32) : i32 {
    %start = arith.muli %tile, %c256 : i32
    %fromA0 = llvm.getelementptr %a[%start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, bf16
    %fromA = llvm.getelementptr %fromA0[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %fromB0 = llvm.getelementptr %b[%start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, bf16
    %fromB = llvm.getelementptr %fromB0[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    nvvm.cp.async.shared.global %toA, %fromA, 16, cache = cg, %bytes : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.shared.global %toB, %fromB, 16, cache = cg, %bytes : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %fa = nvvm.ldmatrix %toA {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %fb = nvvm.ldmatrix %toB {num = 2 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
    %a0 = llvm.extractvalue %fa[0] : !llvm.struct<(i32, i32, i32, i32)>
    %a1 = llvm.extractvalue %fa[1] : !llvm.struct<(i32, i32, i32, i32)>
    %a2 = llvm.extractvalue %fa[2] : !llvm.struct<(i32, i32, i32, i32)>
    %a3 = llvm.extractvalue %fa[3] : !llvm.struct<(i32, i32, i32, i32)>
    %b0 = llvm.extractvalue %fb[0] : !llvm.struct<(i32, i32)>
    %b1 = llvm.extractvalue %fb[1] : !llvm.struct<(i32, i32)>
    %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%s0, %s1, %s2, %s3]
        {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
         multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>,
         shape = #nvvm.shape<m = 16, n = 8, k = 16>}
        : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    nvvm.barrier0
    %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
    %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
    %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
    %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
    scf.yield %d0, %d1, %d2, %d3 : f32, f32, f32, f32
  }
  %out = llvm.getelementptr %c[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %out1 = llvm.getelementptr %out[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  %out2 = llvm.getelementptr %out[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  %out3 = llvm.getelementptr %out[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  llvm.store %sum#0, %out : f32, !llvm.ptr<1>
  llvm.store %sum#1, %out1 : f32, !llvm.ptr<1>
  llvm.store %sum#2, %out2 : f32, !llvm.ptr<1>
  llvm.store %sum#3, %out3 : f32, !llvm.ptr<1>
  llvm.return
}
