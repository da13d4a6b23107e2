// y = a * x + y, eight bf16 at a time: one 128-bit load and store each.
llvm.func @axpy(%a: f32, %x: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %y: !llvm.ptr<1> {llvm.noalias},
                %n: i32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>} {
  %c8 = arith.constant 8 : i32
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %cta = nvvm.read.ptx.sreg.ctaid.x : i32
  %size = nvvm.read.ptx.sreg.ntid.x : i32
  %ctas = nvvm.read.ptx.sreg.nctaid.x : i32
  %base = arith.muli %cta, %size : i32
  %thread = arith.addi %base, %tid : i32
  %first = arith.muli %thread, %c8 : i32
  %all = arith.muli %ctas, %size : i32
  %step = arith.muli %all, %c8 : i32
  %undef = llvm.mlir.undef : vector<8xf32>
  %zero = llvm.mlir.constant(0 : i32) : i32
  %one = llvm.insertelement %a, %undef[%zero : i32] : vector<8xf32>
  %as = llvm.shufflevector %one, %undef [0, 0, 0, 0, 0, 0, 0, 0] : vector<8xf32>
  scf.for %i = %first to %n step %step : i32 {
    %px = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, bf16
    %py = llvm.getelementptr %y[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, bf16
    %vx = llvm.load %px {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xbf16>
    %vy = llvm.load %py {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xbf16>
    %fx = arith.extf %vx : vector<8xbf16> to vector<8xf32>
    %fy = arith.extf %vy : vector<8xbf16> to vector<8xf32>
    %product = arith.mulf %as, %fx : vector<8xf32>
    %sum = arith.addf %product, %fy : vector<8xf32>
    %result = arith.truncf %sum : vector<8xf32> to vector<8xbf16>
    llvm.store %result, %py {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<1>
  }
  llvm.return
}
