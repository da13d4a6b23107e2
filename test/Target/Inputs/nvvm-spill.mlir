// Holds forty values across a barrier in sixteen registers.
llvm.func @spill(%p: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>, nvvm.maxnreg = 24 : i32} {
  %p0 = llvm.getelementptr %p[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v0 = llvm.load %p0 : !llvm.ptr<1> -> i32
  %p1 = llvm.getelementptr %p[8] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v1 = llvm.load %p1 : !llvm.ptr<1> -> i32
  %p2 = llvm.getelementptr %p[15] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v2 = llvm.load %p2 : !llvm.ptr<1> -> i32
  %p3 = llvm.getelementptr %p[22] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v3 = llvm.load %p3 : !llvm.ptr<1> -> i32
  %p4 = llvm.getelementptr %p[29] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v4 = llvm.load %p4 : !llvm.ptr<1> -> i32
  %p5 = llvm.getelementptr %p[36] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v5 = llvm.load %p5 : !llvm.ptr<1> -> i32
  %p6 = llvm.getelementptr %p[43] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v6 = llvm.load %p6 : !llvm.ptr<1> -> i32
  %p7 = llvm.getelementptr %p[50] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v7 = llvm.load %p7 : !llvm.ptr<1> -> i32
  %p8 = llvm.getelementptr %p[57] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v8 = llvm.load %p8 : !llvm.ptr<1> -> i32
  %p9 = llvm.getelementptr %p[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v9 = llvm.load %p9 : !llvm.ptr<1> -> i32
  %p10 = llvm.getelementptr %p[71] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v10 = llvm.load %p10 : !llvm.ptr<1> -> i32
  %p11 = llvm.getelementptr %p[78] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v11 = llvm.load %p11 : !llvm.ptr<1> -> i32
  %p12 = llvm.getelementptr %p[85] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v12 = llvm.load %p12 : !llvm.ptr<1> -> i32
  %p13 = llvm.getelementptr %p[92] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v13 = llvm.load %p13 : !llvm.ptr<1> -> i32
  %p14 = llvm.getelementptr %p[99] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v14 = llvm.load %p14 : !llvm.ptr<1> -> i32
  %p15 = llvm.getelementptr %p[106] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v15 = llvm.load %p15 : !llvm.ptr<1> -> i32
  %p16 = llvm.getelementptr %p[113] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v16 = llvm.load %p16 : !llvm.ptr<1> -> i32
  %p17 = llvm.getelementptr %p[120] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v17 = llvm.load %p17 : !llvm.ptr<1> -> i32
  %p18 = llvm.getelementptr %p[127] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v18 = llvm.load %p18 : !llvm.ptr<1> -> i32
  %p19 = llvm.getelementptr %p[134] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v19 = llvm.load %p19 : !llvm.ptr<1> -> i32
  %p20 = llvm.getelementptr %p[141] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v20 = llvm.load %p20 : !llvm.ptr<1> -> i32
  %p21 = llvm.getelementptr %p[148] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v21 = llvm.load %p21 : !llvm.ptr<1> -> i32
  %p22 = llvm.getelementptr %p[155] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v22 = llvm.load %p22 : !llvm.ptr<1> -> i32
  %p23 = llvm.getelementptr %p[162] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v23 = llvm.load %p23 : !llvm.ptr<1> -> i32
  %p24 = llvm.getelementptr %p[169] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v24 = llvm.load %p24 : !llvm.ptr<1> -> i32
  %p25 = llvm.getelementptr %p[176] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v25 = llvm.load %p25 : !llvm.ptr<1> -> i32
  %p26 = llvm.getelementptr %p[183] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v26 = llvm.load %p26 : !llvm.ptr<1> -> i32
  %p27 = llvm.getelementptr %p[190] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v27 = llvm.load %p27 : !llvm.ptr<1> -> i32
  %p28 = llvm.getelementptr %p[197] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v28 = llvm.load %p28 : !llvm.ptr<1> -> i32
  %p29 = llvm.getelementptr %p[204] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v29 = llvm.load %p29 : !llvm.ptr<1> -> i32
  %p30 = llvm.getelementptr %p[211] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v30 = llvm.load %p30 : !llvm.ptr<1> -> i32
  %p31 = llvm.getelementptr %p[218] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v31 = llvm.load %p31 : !llvm.ptr<1> -> i32
  %p32 = llvm.getelementptr %p[225] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v32 = llvm.load %p32 : !llvm.ptr<1> -> i32
  %p33 = llvm.getelementptr %p[232] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v33 = llvm.load %p33 : !llvm.ptr<1> -> i32
  %p34 = llvm.getelementptr %p[239] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v34 = llvm.load %p34 : !llvm.ptr<1> -> i32
  %p35 = llvm.getelementptr %p[246] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v35 = llvm.load %p35 : !llvm.ptr<1> -> i32
  %p36 = llvm.getelementptr %p[253] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v36 = llvm.load %p36 : !llvm.ptr<1> -> i32
  %p37 = llvm.getelementptr %p[260] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v37 = llvm.load %p37 : !llvm.ptr<1> -> i32
  %p38 = llvm.getelementptr %p[267] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v38 = llvm.load %p38 : !llvm.ptr<1> -> i32
  %p39 = llvm.getelementptr %p[274] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %v39 = llvm.load %p39 : !llvm.ptr<1> -> i32
  nvvm.barrier0
  llvm.store %v0, %p1 : i32, !llvm.ptr<1>
  llvm.store %v1, %p2 : i32, !llvm.ptr<1>
  llvm.store %v2, %p3 : i32, !llvm.ptr<1>
  llvm.store %v3, %p4 : i32, !llvm.ptr<1>
  llvm.store %v4, %p5 : i32, !llvm.ptr<1>
  llvm.store %v5, %p6 : i32, !llvm.ptr<1>
  llvm.store %v6, %p7 : i32, !llvm.ptr<1>
  llvm.store %v7, %p8 : i32, !llvm.ptr<1>
  llvm.store %v8, %p9 : i32, !llvm.ptr<1>
  llvm.store %v9, %p10 : i32, !llvm.ptr<1>
  llvm.store %v10, %p11 : i32, !llvm.ptr<1>
  llvm.store %v11, %p12 : i32, !llvm.ptr<1>
  llvm.store %v12, %p13 : i32, !llvm.ptr<1>
  llvm.store %v13, %p14 : i32, !llvm.ptr<1>
  llvm.store %v14, %p15 : i32, !llvm.ptr<1>
  llvm.store %v15, %p16 : i32, !llvm.ptr<1>
  llvm.store %v16, %p17 : i32, !llvm.ptr<1>
  llvm.store %v17, %p18 : i32, !llvm.ptr<1>
  llvm.store %v18, %p19 : i32, !llvm.ptr<1>
  llvm.store %v19, %p20 : i32, !llvm.ptr<1>
  llvm.store %v20, %p21 : i32, !llvm.ptr<1>
  llvm.store %v21, %p22 : i32, !llvm.ptr<1>
  llvm.store %v22, %p23 : i32, !llvm.ptr<1>
  llvm.store %v23, %p24 : i32, !llvm.ptr<1>
  llvm.store %v24, %p25 : i32, !llvm.ptr<1>
  llvm.store %v25, %p26 : i32, !llvm.ptr<1>
  llvm.store %v26, %p27 : i32, !llvm.ptr<1>
  llvm.store %v27, %p28 : i32, !llvm.ptr<1>
  llvm.store %v28, %p29 : i32, !llvm.ptr<1>
  llvm.store %v29, %p30 : i32, !llvm.ptr<1>
  llvm.store %v30, %p31 : i32, !llvm.ptr<1>
  llvm.store %v31, %p32 : i32, !llvm.ptr<1>
  llvm.store %v32, %p33 : i32, !llvm.ptr<1>
  llvm.store %v33, %p34 : i32, !llvm.ptr<1>
  llvm.store %v34, %p35 : i32, !llvm.ptr<1>
  llvm.store %v35, %p36 : i32, !llvm.ptr<1>
  llvm.store %v36, %p37 : i32, !llvm.ptr<1>
  llvm.store %v37, %p38 : i32, !llvm.ptr<1>
  llvm.store %v38, %p39 : i32, !llvm.ptr<1>
  llvm.store %v39, %p0 : i32, !llvm.ptr<1>
  llvm.return
}
