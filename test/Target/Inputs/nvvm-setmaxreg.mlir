// Without nvvm.reqntid ptxas cannot tell how many registers a CTA has, and drops
// setmaxnreg with a C75xx message.
llvm.func @setmaxreg(%p: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %one = llvm.mlir.constant(1 : i32) : i32
  nvvm.setmaxregister increase 232
  llvm.store %one, %p : i32, !llvm.ptr<1>
  llvm.return
}
