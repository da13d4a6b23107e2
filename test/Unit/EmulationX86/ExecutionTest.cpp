//===-- ExecutionTest.cpp - Kernels with and without emulate-x86 ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are compiled after emulate-x86 and run. Their results must be those
// of the emulation library called from C++, and, where the host has the
// instructions, those of the same kernel compiled without the pass. In every
// bit.
//
//===----------------------------------------------------------------------===//

#include "Hardware.h"
#include "attn/Conversion/EmulateX86/Passes.h"
#include "attn/EmulationX86/EmulationX86.h"

#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/TargetSelect.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace attn::test;
using namespace mlir;

namespace {

/// A compiled module. Not to be static: LLVM must outlive it.
class Kernels {
public:
  Kernels(StringRef source, bool emulate) {
    static const bool initialized = [] {
      llvm::InitializeNativeTarget();
      llvm::InitializeNativeTargetAsmPrinter();
      registerAllPasses();
      attn::registerEmulateX86Passes();
      return true;
    }();
    (void)initialized;
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registerAllToLLVMIRTranslations(registry);
    context.appendDialectRegistry(registry);
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(source, &context);
    EXPECT_TRUE(module);

    PassManager manager(&context);
    std::string pipeline =
        emulate ? "emulate-x86{features=amx,avx512bf16}," : "";
    pipeline += "convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector},"
                "convert-to-llvm,reconcile-unrealized-casts";
    EXPECT_TRUE(succeeded(parsePassPipeline(pipeline, manager)));
    EXPECT_TRUE(succeeded(manager.run(*module)));

    auto optimize = makeOptimizingTransformer(/*optLevel=*/2, /*sizeLevel=*/0,
                                              /*targetMachine=*/nullptr);
    ExecutionEngineOptions options;
    options.transformer = optimize;
    engine = llvm::cantFail(ExecutionEngine::create(*module, options));
    engine->registerSymbols([](llvm::orc::MangleAndInterner interner) {
      llvm::orc::SymbolMap map;
      size_t count = 0;
      const attn_emu_symbol *symbols = attn_emu_symbols(&count);
      for (size_t i = 0; i < count; ++i)
        map[interner(symbols[i].name)] = {
            llvm::orc::ExecutorAddr::fromPtr(symbols[i].address),
            llvm::JITSymbolFlags::Exported};
      return map;
    });
  }

  template <typename... Memory>
  void run(StringRef name, Memory &...memory) {
    llvm::cantFail(engine->invoke(name, &memory...));
  }

private:
  MLIRContext context;
  std::unique_ptr<ExecutionEngine> engine;
};

/// A vector as memref<?x...>.
template <typename T>
StridedMemRefType<T, 1> memref(std::vector<T> &data) {
  return {data.data(), data.data(), 0, {int64_t(data.size())}, {1}};
}

enum class Data { ordinary, withSpecials };

/// Bits of f32, or of pairs of bf16, with magnitudes around one; a quarter of
/// `withSpecials` are others: any bits, infinities, NaNs, zeros, denormals.
std::vector<uint32_t> randomWords(size_t count, Data data, uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<uint32_t> words(count);
  for (uint32_t &word : words) {
    word = engine();
    uint32_t kind = data == Data::ordinary ? 0 : engine() % 16;
    if (kind < 12)
      word = (word & 0x8FFF8FFF) | 0x38003800;
    else if (kind == 12)
      word |= 0x7F807F80;
    else if (kind == 13)
      word &= 0x807F807F;
  }
  return words;
}

constexpr const char *vectorKernels = R"mlir(
func.func @dot(%sum: memref<?xi32>, %x: memref<?xi32>, %y: memref<?xi32>)
    attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %n = memref.dim %sum, %c0 : memref<?xi32>
  scf.for %i = %c0 to %n step %c16 {
    %si = vector.load %sum[%i] : memref<?xi32>, vector<16xi32>
    %xi = vector.load %x[%i] : memref<?xi32>, vector<16xi32>
    %yi = vector.load %y[%i] : memref<?xi32>, vector<16xi32>
    %s = vector.bitcast %si : vector<16xi32> to vector<16xf32>
    %a = vector.bitcast %xi : vector<16xi32> to vector<32xbf16>
    %b = vector.bitcast %yi : vector<16xi32> to vector<32xbf16>
    %d = x86vector.avx512.dot %s, %a, %b : vector<32xbf16> -> vector<16xf32>
    %di = vector.bitcast %d : vector<16xf32> to vector<16xi32>
    vector.store %di, %sum[%i] : memref<?xi32>, vector<16xi32>
  }
  return
}

func.func @convert(%to: memref<?xi16>, %from: memref<?xi32>)
    attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %n = memref.dim %from, %c0 : memref<?xi32>
  scf.for %i = %c0 to %n step %c8 {
    %xi = vector.load %from[%i] : memref<?xi32>, vector<8xi32>
    %x = vector.bitcast %xi : vector<8xi32> to vector<8xf32>
    %y = x86vector.avx512.cvt.packed.f32_to_bf16 %x
        : vector<8xf32> -> vector<8xbf16>
    %yi = vector.bitcast %y : vector<8xbf16> to vector<8xi16>
    vector.store %yi, %to[%i] : memref<?xi16>, vector<8xi16>
  }
  return
}

func.func @truncate(%to: memref<?xi16>, %from: memref<?xi32>)
    attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %n = memref.dim %from, %c0 : memref<?xi32>
  scf.for %i = %c0 to %n step %c16 {
    %xi = vector.load %from[%i] : memref<?xi32>, vector<16xi32>
    %x = vector.bitcast %xi : vector<16xi32> to vector<16xf32>
    %y = arith.truncf %x : vector<16xf32> to vector<16xbf16>
    %yi = vector.bitcast %y : vector<16xbf16> to vector<16xi16>
    vector.store %yi, %to[%i] : memref<?xi16>, vector<16xi16>
    %first = memref.load %from[%i] : memref<?xi32>
    %f = arith.bitcast %first : i32 to f32
    %t = arith.truncf %f : f32 to bf16
    %ti = arith.bitcast %t : bf16 to i16
    memref.store %ti, %to[%i] : memref<?xi16>
  }
  return
}
)mlir";

class VectorKernels : public testing::Test {
protected:
  /// One of the two conversions.
  static std::vector<int16_t> convert(Kernels &kernels, StringRef name,
                                      std::vector<uint32_t> &values) {
    std::vector<int16_t> result(values.size());
    auto to = memref(result);
    auto from = memref(values);
    kernels.run(name, to, from);
    return result;
  }

  static std::vector<uint32_t> dot(Kernels &kernels, std::vector<uint32_t> sum,
                                   std::vector<uint32_t> &x,
                                   std::vector<uint32_t> &y) {
    auto s = memref(sum), a = memref(x), b = memref(y);
    kernels.run("dot", s, a, b);
    return sum;
  }

  void SetUp() override {
    // Lanes whose results round to the least normal, or are tiny just so.
    for (size_t lane : {0, 1}) {
      sum[lane] = 0x00800000;                        // 2^-126
      x[lane] = 0x99800000;                          // -2^-76
      y[lane] = lane == 0 ? 0x1A000000 : 0x1A400000; // 2^-75, 1.5 * 2^-75
    }
  }

  Kernels emulated{vectorKernels, /*emulate=*/true};
  std::vector<uint32_t> sum = randomWords(1 << 16, Data::withSpecials, 1);
  std::vector<uint32_t> x = randomWords(1 << 16, Data::withSpecials, 2);
  std::vector<uint32_t> y = randomWords(1 << 16, Data::withSpecials, 3);
};

TEST_F(VectorKernels, DotIsLibrarys) {
  std::vector<uint32_t> expected = sum;
  auto *lanes = reinterpret_cast<float *>(expected.data());
  attn_emu_vdpbf16ps(lanes, lanes, reinterpret_cast<uint16_t *>(x.data()),
                     reinterpret_cast<uint16_t *>(y.data()), expected.size());
  EXPECT_EQ(dot(emulated, sum, x, y), expected);
}

TEST_F(VectorKernels, DotIsHardwares) {
  if (const char *reason = whyNoAVX512BF16())
    GTEST_SKIP() << reason;
  Kernels native(vectorKernels, /*emulate=*/false);
  EXPECT_EQ(dot(emulated, sum, x, y), dot(native, sum, x, y));
}

TEST_F(VectorKernels, ConversionsAreLibrarys) {
  std::vector<int16_t> expected(x.size());
  attn_emu_vcvtneps2bf16(reinterpret_cast<uint16_t *>(expected.data()),
                         reinterpret_cast<float *>(x.data()), x.size());
  EXPECT_EQ(convert(emulated, "convert", x), expected);
  EXPECT_EQ(convert(emulated, "truncate", x), expected);
}

TEST_F(VectorKernels, ConversionsAreHardwares) {
  if (const char *reason = whyNoAVX512BF16())
    GTEST_SKIP() << reason;
  Kernels native(vectorKernels, /*emulate=*/false);
  for (StringRef name : {"convert", "truncate"})
    EXPECT_EQ(convert(emulated, name, x), convert(native, name, x));
}

// Two accumulators swap places in each iteration, are skipped by an scf.if, and
// pass through an inner loop: a value must not be overwritten while it lives.
constexpr const char *tileKernel = R"mlir(
!a = !amx.tile<16x32xbf16>
!c = !amx.tile<16x16xf32>
func.func @kernel(%x: memref<?xbf16>, %y: memref<?xbf16>, %z: memref<?xf32>)
    attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c256 = arith.constant 256 : index
  %c512 = arith.constant 512 : index
  %zero = amx.tile_zero : !c
  %start = amx.tile_load %z[%c0], %c16 : memref<?xf32> into !c
  %p, %q = scf.for %i = %c0 to %c4 step %c1
      iter_args(%u = %zero, %v = %start) -> (!c, !c) {
    %offset = arith.muli %i, %c512 : index
    %a = amx.tile_load %x[%offset], %c32 : memref<?xbf16> into !a
    %b = amx.tile_load %y[%offset], %c32 : memref<?xbf16> into !a
    %is2 = arith.cmpi eq, %i, %c2 : index
    %w = scf.if %is2 -> (!c) {
      scf.yield %v : !c
    } else {
      %m = amx.tile_mulf %a, %b, %v : !a, !a, !c
      scf.yield %m : !c
    }
    %last, %inner = scf.for %j = %c0 to %i step %c1
        iter_args(%s = %u, %t = %w) -> (!c, !c) {
      %n = amx.tile_mulf %b, %a, %t : !a, !a, !c
      scf.yield %n, %s : !c, !c
    }
    amx.tile_store %z[%c0], %u, %c16 : memref<?xf32>, !c
    scf.yield %inner, %last : !c, !c
  }
  amx.tile_store %z[%c256], %p, %c16 : memref<?xf32>, !c
  amx.tile_store %z[%c512], %q, %c16 : memref<?xf32>, !c
  return
}
)mlir";

class TileKernel : public testing::Test {
protected:
  void TearDown() override { EXPECT_STREQ(attn_emu_fault(), nullptr); }

  std::vector<uint32_t> run(bool emulate) {
    Kernels kernels(tileKernel, emulate);
    std::vector<uint32_t> result = z;
    auto a = memref(x), b = memref(y), c = memref(result);
    kernels.run("kernel", a, b, c);
    return result;
  }

  std::vector<uint32_t> x = randomWords(1024, Data::ordinary, 4);
  std::vector<uint32_t> y = randomWords(1024, Data::ordinary, 5);
  std::vector<uint32_t> z = randomWords(768, Data::ordinary, 6);
};

TEST_F(TileKernel, IsLibrarys) {
  auto load = [](std::vector<uint32_t> &from, size_t index) {
    Tile tile;
    attn_emu_tileloadd(&tile, 16, 64, &from[index], 64);
    return tile;
  };
  auto multiply = [](const Tile &a, const Tile &b, const Tile &acc) {
    Tile result;
    attn_emu_tdpbf16ps(&result, &acc, &a, &b, 16, 64, 64);
    return result;
  };
  std::vector<uint32_t> expected = z;
  auto store = [&](const Tile &tile, size_t index) {
    attn_emu_tilestored(&tile, 16, 64, &expected[index], 64);
  };

  Tile u, v = load(expected, 0);
  for (int i = 0; i < 4; ++i) {
    Tile a = load(x, 256 * i), b = load(y, 256 * i);
    Tile s = u, t = i == 2 ? v : multiply(a, b, v);
    for (int j = 0; j < i; ++j) {
      Tile n = multiply(b, a, t);
      t = s;
      s = n;
    }
    store(u, 0);
    u = t;
    v = s;
  }
  store(u, 256);
  store(v, 512);
  EXPECT_EQ(run(/*emulate=*/true), expected);
}

TEST_F(TileKernel, IsHardwares) {
  if (const char *reason = whyNoAMX())
    GTEST_SKIP() << reason;
  EXPECT_EQ(run(/*emulate=*/true), run(/*emulate=*/false));
}

// Memory of every layout, tiles of other shapes than the greatest.
constexpr const char *memoryKernel = R"mlir(
func.func @kernel(%x: memref<?xbf16>, %z: memref<?xf32>)
    attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %dynamic = memref.reinterpret_cast %x to offset: [%c3], sizes: [2, 8, 40],
      strides: [500, 40, 1]
      : memref<?xbf16> to memref<2x8x40xbf16, strided<[500, 40, 1], offset: ?>>
  %a = amx.tile_load %dynamic[%c1, %c3, %c4]
      : memref<2x8x40xbf16, strided<[500, 40, 1], offset: ?>>
      into !amx.tile<5x6xbf16>
  %static = memref.reinterpret_cast %x to offset: [7], sizes: [9, 12],
      strides: [12, 1] : memref<?xbf16> to memref<9x12xbf16, strided<[12, 1], offset: 7>>
  %b = amx.tile_load %static[%c1, %c0]
      : memref<9x12xbf16, strided<[12, 1], offset: 7>> into !amx.tile<3x8xbf16>
  %acc = amx.tile_zero : !amx.tile<5x4xf32>
  %c = amx.tile_mulf %a, %b, %acc
      : !amx.tile<5x6xbf16>, !amx.tile<3x8xbf16>, !amx.tile<5x4xf32>
  amx.tile_store %z[%c5], %c, %c5 : memref<?xf32>, !amx.tile<5x4xf32>
  return
}
)mlir";

TEST(MemoryKernel, IsHardwares) {
  if (const char *reason = whyNoAMX())
    GTEST_SKIP() << reason;
  std::vector<uint32_t> x = randomWords(1024, Data::ordinary, 7);
  std::vector<uint32_t> results[2];
  for (bool emulate : {false, true}) {
    Kernels kernels(memoryKernel, emulate);
    std::vector<uint32_t> &z = results[emulate];
    z.assign(64, 0x12345678);
    auto a = memref(x), c = memref(z);
    kernels.run("kernel", a, c);
  }
  EXPECT_EQ(results[true], results[false]);
  EXPECT_NE(results[true][5], 0x12345678u);
}

} // namespace
