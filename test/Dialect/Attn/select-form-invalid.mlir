// RUN: not attn-opt %s --attn-select-form=machine=h900 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not attn-opt %s --attn-select-form=tflops=100 2>&1 | FileCheck %s --check-prefix=HALF
// RUN: not attn-opt %s --attn-select-form="read-gbps=-1 tflops=100" 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// NAME: error: unknown machine 'h900': expected one of h100, h200,
// HALF: error: read-gbps and tflops describe a machine together
// NEGATIVE: error: read-gbps and tflops must be positive
module {}
