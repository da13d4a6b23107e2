// RUN: attn-opt %s --emulate-x86="features=amx" --split-input-file -verify-diagnostics

func.func @integers(%x: !llvm.ptr) {
  %a = amx.tile_zero : !amx.tile<16x64xi8>
  %c = amx.tile_zero : !amx.tile<16x16xi32>
  // expected-error @+1 {{has no emulation: only bf16 products have}}
  %0 = amx.tile_muli %a, %a, %c
      : !amx.tile<16x64xi8>, !amx.tile<16x64xi8>, !amx.tile<16x16xi32>
  return
}

// -----

func.func @halves() {
  %a = amx.tile_zero : !amx.tile<16x32xf16>
  %c = amx.tile_zero : !amx.tile<16x16xf32>
  // expected-error @+1 {{has no emulation: only bf16 products have}}
  %0 = amx.tile_mulf %a, %a, %c
      : !amx.tile<16x32xf16>, !amx.tile<16x32xf16>, !amx.tile<16x16xf32>
  return
}

// -----

// expected-error @+1 {{must not carry AMX tiles to be emulated}}
func.func @argument(%a: !amx.tile<16x16xf32>) {
  return
}

// -----

// expected-error @+1 {{must not carry AMX tiles to be emulated}}
func.func @branch() {
  %a = amx.tile_zero : !amx.tile<16x16xf32>
  // expected-error @+1 {{must not carry AMX tiles to be emulated}}
  cf.br ^next(%a : !amx.tile<16x16xf32>)
^next(%b: !amx.tile<16x16xf32>):
  return
}

// -----

func.func @while(%c: i1) {
  %a = amx.tile_zero : !amx.tile<16x16xf32>
  // expected-error @+1 {{must not carry AMX tiles to be emulated}}
  scf.while (%b = %a) : (!amx.tile<16x16xf32>) -> () {
    scf.condition(%c)
  } do {
    // expected-error @+1 {{must not carry AMX tiles to be emulated}}
    scf.yield %a : !amx.tile<16x16xf32>
  }
  return
}

// -----

// Iterations would share the buffers of the function.
func.func @parallel(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    // expected-error @+1 {{must not be inside 'scf.parallel' to be emulated}}
    %a = amx.tile_zero : !amx.tile<16x16xf32>
  }
  return
}

// -----

// The name is that of an emulation function.
// expected-error @+1 {{redefinition of function}}
llvm.func @attn_emu_tilezero(i32)

func.func @name_taken() {
  // expected-error @+1 {{failed to legalize operation 'amx.tile_zero'}}
  %a = amx.tile_zero : !amx.tile<16x16xf32>
  return
}
