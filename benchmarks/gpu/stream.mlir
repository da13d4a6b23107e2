// Reads n chunks of 16 bytes and writes nothing: the read bandwidth that a decode
// kernel can at best have. Every thread has eight loads on their way; n is a
// multiple of eight times the threads of the grid.
llvm.func @stream_read(%x: !llvm.ptr<1>, %chunks: i64, %sink: !llvm.ptr<1>)
    attributes {nvvm.kernel, nvvm.reqntid = array<i32: 512>} {
  %c1 = arith.constant 1 : i64
  %c8 = arith.constant 8 : i64
  %zero = arith.constant 0 : i32
  %never = arith.constant 305419896 : i32
  %none = llvm.mlir.zero : vector<4xi32>
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %cta = nvvm.read.ptx.sreg.ctaid.x : i32
  %threads = nvvm.read.ptx.sreg.ntid.x : i32
  %ctas = nvvm.read.ptx.sreg.nctaid.x : i32
  %base = arith.muli %cta, %threads : i32
  %thread32 = arith.addi %base, %tid : i32
  %thread = arith.extui %thread32 : i32 to i64
  %all32 = arith.muli %ctas, %threads : i32
  %all = arith.extui %all32 : i32 to i64
  %step = arith.muli %all, %c8 : i64
  %sum = scf.for %first = %thread to %chunks step %step iter_args(%before = %none) -> (vector<4xi32>) : i64 {
    %c2 = arith.constant 2 : i64
    %c3 = arith.constant 3 : i64
    %c4 = arith.constant 4 : i64
    %c5 = arith.constant 5 : i64
    %c6 = arith.constant 6 : i64
    %c7 = arith.constant 7 : i64
    %o1 = arith.muli %all, %c1 : i64
    %o2 = arith.muli %all, %c2 : i64
    %o3 = arith.muli %all, %c3 : i64
    %o4 = arith.muli %all, %c4 : i64
    %o5 = arith.muli %all, %c5 : i64
    %o6 = arith.muli %all, %c6 : i64
    %o7 = arith.muli %all, %c7 : i64
    %i1 = arith.addi %first, %o1 : i64
    %i2 = arith.addi %first, %o2 : i64
    %i3 = arith.addi %first, %o3 : i64
    %i4 = arith.addi %first, %o4 : i64
    %i5 = arith.addi %first, %o5 : i64
    %i6 = arith.addi %first, %o6 : i64
    %i7 = arith.addi %first, %o7 : i64
    %p0 = llvm.getelementptr %x[%first] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %p1 = llvm.getelementptr %x[%i1] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %p2 = llvm.getelementptr %x[%i2] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %p3 = llvm.getelementptr %x[%i3] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %p4 = llvm.getelementptr %x[%i4] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %p5 = llvm.getelementptr %x[%i5] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %p6 = llvm.getelementptr %x[%i6] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %p7 = llvm.getelementptr %x[%i7] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xi32>
    %v0 = llvm.load %p0 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v1 = llvm.load %p1 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v2 = llvm.load %p2 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v3 = llvm.load %p3 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v4 = llvm.load %p4 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v5 = llvm.load %p5 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v6 = llvm.load %p6 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v7 = llvm.load %p7 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %s1 = llvm.xor %v0, %v1 : vector<4xi32>
    %s2 = llvm.xor %v2, %v3 : vector<4xi32>
    %s3 = llvm.xor %v4, %v5 : vector<4xi32>
    %s4 = llvm.xor %v6, %v7 : vector<4xi32>
    %s5 = llvm.xor %s1, %s2 : vector<4xi32>
    %s6 = llvm.xor %s3, %s4 : vector<4xi32>
    %s7 = llvm.xor %s5, %s6 : vector<4xi32>
    %s8 = llvm.xor %s7, %before : vector<4xi32>
    scf.yield %s8 : vector<4xi32>
  }
  %e0 = llvm.extractelement %sum[%zero : i32] : vector<4xi32>
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i32
  %three = arith.constant 3 : i32
  %e1 = llvm.extractelement %sum[%one : i32] : vector<4xi32>
  %e2 = llvm.extractelement %sum[%two : i32] : vector<4xi32>
  %e3 = llvm.extractelement %sum[%three : i32] : vector<4xi32>
  %x1 = arith.xori %e0, %e1 : i32
  %x2 = arith.xori %e2, %e3 : i32
  %x3 = arith.xori %x1, %x2 : i32
  // Depends on every load, and next to never holds.
  %hit = arith.cmpi eq, %x3, %never : i32
  scf.if %hit {
    llvm.store %x3, %sink : i32, !llvm.ptr<1>
  }
  llvm.return
}
