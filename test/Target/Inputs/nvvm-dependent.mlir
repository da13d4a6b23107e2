// Waits for the kernel before it on the stream: an instruction of sm_90.
llvm.func @dependent(%p: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  %one = llvm.mlir.constant(1 : i32) : i32
  nvvm.griddepcontrol wait
  llvm.store %one, %p : i32, !llvm.ptr<1>
  nvvm.griddepcontrol launch_dependents
  llvm.return
}
