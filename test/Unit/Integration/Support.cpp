//===- Support.cpp - Compiled kernels against the oracle ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "Module.h"
#include "ScoreRegions.h"

#include "attn/Harness/Check.h"
#include "attn/Harness/Problem.h"
#include "attn/Harness/Session.h"
#include "attn/Harness/SimtSession.h"
#include "attn/Import/DecodeModule.h"
#include "attn/Register.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <map>

using namespace attn;
using namespace attn::test;

const std::vector<CPULevel> attn::test::kLevels = {
    CPULevel::AVX2, CPULevel::AVX512, CPULevel::AVX512BF16, CPULevel::AMX};

CPULevel attn::test::hostLevel() {
  int32_t host = attn_cpu_isa();
  if (host == ATTN_ISA_NONE)
    llvm::report_fatal_error("this CPU is below AVX2 + FMA + F16C");
  return static_cast<CPULevel>(host);
}

const char *attn::test::levelName(CPULevel level) {
  return attn_isa_name(static_cast<int32_t>(level));
}

attn_pool *attn::test::pool(int32_t threads) {
  static std::map<int32_t, attn_pool *> pools;
  if (threads == 1)
    return nullptr;
  attn_pool *&made = pools[threads];
  if (!made && attn_pool_create(threads, &made) != ATTN_OK)
    llvm::report_fatal_error(attn_error_message());
  return made;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static mlir::MLIRContext &context() {
  static mlir::MLIRContext *shared = [] {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return new mlir::MLIRContext(registry,
                                 mlir::MLIRContext::Threading::DISABLED);
  }();
  return *shared;
}

struct Attention::Impl {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string name; ///< of the function
  std::map<std::pair<CPULevel, CPULevel>, std::unique_ptr<harness::Session>>
      sessions;
  std::map<std::string, std::unique_ptr<harness::SimtSession>> simtSessions;

  mlir::func::FuncOp func() {
    return module->lookupSymbol<mlir::func::FuncOp>(name);
  }
  AttendOp attend() { return *func().getOps<AttendOp>().begin(); }
};

mlir::OwningOpRef<mlir::ModuleOp> attn::test::buildModule(const Case &c) {
  llvm::ExitOnError orDie("'" + c.line + "': ");
  model::AttentionSpec spec = orDie(parseShape(c.shape));
  spec.causal = c.causal;
  spec.sinks = c.sinks;
  if (c.window)
    spec.window = c.window;
  if (c.softcap)
    spec.softcap = c.softcap;
  DecodeOptions options;
  options.element = *parseElement(c.dtype);
  options.layout = c.layout == "own" ? Layout::Own : Layout::Row;
  options.page = c.pages.front();
  if (c.pages.size() > 1)
    options.page = KVCacheType::kDynamicPage;
  options.qLen = c.qLen;
  options.lse = c.lse;
  auto module = orDie(buildDecodeModule(&context(), spec, "main", options));
  if (c.score.empty())
    return module;
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  addScoreRegion(text, c.score, spec.qHeads);
  return mlir::parseSourceString<mlir::ModuleOp>(text, &context());
}

Attention::Attention(const Case &c) : impl(new Impl) {
  impl->module = buildModule(c);
  impl->name = "main";
  if (!impl->module)
    llvm::report_fatal_error("the module does not parse (see above)");
}

Attention::Attention(const std::string &text, const std::string &name)
    : impl(new Impl) {
  impl->module = mlir::parseSourceString<mlir::ModuleOp>(text, &context());
  impl->name = name;
  if (!impl->module)
    llvm::report_fatal_error("the module does not parse (see above)");
}

Attention::~Attention() = default;

attn_library *Attention::compile(CPULevel level, CPULevel host) {
  auto &session = impl->sessions[{level, host}];
  if (!session) {
    CPUCompileOptions options;
    options.level = level;
    options.emulate = true;
    options.hostLevel = host;
    auto made = harness::Session::create(*impl->module, options, 1);
    if (!made) {
      ADD_FAILURE() << levelName(level) << " on a host with " << levelName(host)
                    << ": " << llvm::toString(made.takeError());
      return nullptr;
    }
    session = std::move(*made);
  }
  return session->getLibrary();
}

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

struct Call::Impl {
  Attention::Impl *attention;
  std::unique_ptr<harness::Problem> problem;
  std::optional<harness::Oracle> oracle;
};

Call::Call() : impl(new Impl) {}
Call::~Call() = default;

std::unique_ptr<Call> Attention::makeCall(const std::vector<int32_t> &lens,
                                          int64_t page, uint64_t seed) {
  std::unique_ptr<Call> call(new Call);
  harness::ProblemOptions options;
  options.lens = lens;
  options.page = page;
  options.seed = seed;
  llvm::ExitOnError orDie;
  call->impl->attention = impl.get();
  call->impl->problem =
      orDie(harness::Problem::create(impl->attend(), options));
  return call;
}

std::unique_ptr<harness::SimtSession> Attention::createSimt() {
  auto made = harness::SimtSession::create(*impl->module, {});
  if (made)
    return std::move(*made);
  ADD_FAILURE() << llvm::toString(made.takeError());
  return nullptr;
}

std::string Attention::runSimt(Call &call, const SimtRun &run,
                               std::function<void(attn_decode_params &)> edit) {
  auto &session = impl->simtSessions[run.chip];
  if (!session) {
    harness::SimtOptions options;
    options.chip = run.chip;
    auto made = harness::SimtSession::create(*impl->module, options);
    if (!made)
      return llvm::toString(made.takeError());
    session = std::move(*made);
  }
  session->config.schedule = static_cast<simt::Schedule>(run.schedule);
  session->config.async =
      run.lateCopies ? simt::AsyncCopies::Late : simt::AsyncCopies::Eager;
  session->config.seed = run.seed;
  call.impl->problem->clearResults();
  attn_decode_params params = call.params();
  if (run.batchInvariant) {
    params.flags |= ATTN_FLAG_BATCH_INVARIANT;
    params.split_size = 64;
  }
  if (edit)
    edit(params);
  return llvm::toString(session->decode(params));
}

attn_decode_params Call::params() {
  attn_decode_params params = impl->problem->params();
  params.kernel_name = impl->attention->name.c_str();
  return params;
}

void attn::test::keepRequest(attn_decode_params &p, size_t request) {
  int64_t bytes = p.dtype == ATTN_F32 ? 4 : 2;
  p.batch = p.max_batch = 1;
  p.q = static_cast<const char *>(p.q) + request * p.q_stride_batch * bytes;
  p.out = static_cast<char *>(p.out) + request * p.out_stride_batch * bytes;
  p.lse += request * p.lse_stride_batch;
  p.seq_lens += request;
  p.block_table += request * p.block_table_stride;
}

std::string attn::test::decode(attn_library *library, attn_decode_params params,
                               int32_t threads) {
  params.pool = pool(threads);
  uint64_t bytes = 0;
  if (attn_decode_workspace_size(library, &params, &bytes) != ATTN_OK)
    return attn_error_message();
  // The scratch of a kernel starts as NaN in every type, and canaries follow.
  constexpr size_t alignment = 64, canaries = 256;
  std::vector<unsigned char> memory(bytes + alignment + canaries, 0xff);
  size_t start = -reinterpret_cast<uintptr_t>(memory.data()) % alignment;
  params.workspace = memory.data() + start;
  params.workspace_bytes = bytes;
  if (attn_decode(library, &params) != ATTN_OK)
    return attn_error_message();
  for (size_t i = start + bytes; i < memory.size(); ++i)
    if (memory[i] != 0xff)
      return "byte " + std::to_string(i - start - bytes) +
             " past the workspace was overwritten";
  return "";
}

std::string Call::run(attn_library *library, int32_t threads, Edit edit) {
  impl->problem->clearResults();
  attn_decode_params params = this->params();
  if (edit)
    edit(params);
  return decode(library, params, threads);
}

std::string Call::check() {
  if (!impl->oracle) {
    llvm::ExitOnError orDie;
    impl->oracle =
        orDie(harness::Oracle::create(impl->attention->func(), *impl->problem));
  }
  return impl->oracle->check(*impl->problem).failure;
}

Bytes Call::results() const {
  const harness::Problem &p = *impl->problem;
  Bytes bytes(p.out.data(), p.out.data() + p.out.size());
  auto *lse = reinterpret_cast<const unsigned char *>(p.lse.data());
  bytes.insert(bytes.end(), lse, lse + p.lse.size() * sizeof(float));
  return bytes;
}

Bytes Call::resultsOf(int64_t request) const {
  const harness::Problem &p = *impl->problem;
  size_t share = p.out.size() / p.batch(), rows = p.lse.size() / p.batch();
  const char *out = p.out.data() + request * share;
  Bytes bytes(out, out + share);
  auto *lse =
      reinterpret_cast<const unsigned char *>(p.lse.data() + request * rows);
  bytes.insert(bytes.end(), lse, lse + rows * sizeof(float));
  return bytes;
}

//===----------------------------------------------------------------------===//
// checkCase
//===----------------------------------------------------------------------===//

void attn::test::checkCase(const Case &c, uint64_t seed) {
  SCOPED_TRACE("ATTN_TEST_CASE='" + c.line +
               "' ATTN_TEST_SEED=" + std::to_string(seed));
  Attention attention(c);
  for (int64_t page : c.pages) {
    std::vector<int32_t> lens =
        c.lens.empty() ? defaultLengths(c, page) : c.lens;
    std::unique_ptr<Call> call = attention.makeCall(lens, page, seed);
    for (CPULevel level : kLevels) {
      attn_library *library = attention.compile(level);
      ASSERT_NE(library, nullptr);
      for (int32_t threads : {1, 2, 4}) {
        SCOPED_TRACE(std::string(levelName(level)) + ", page " +
                     std::to_string(page) + ", " + std::to_string(threads) +
                     " threads");
        ASSERT_EQ(call->run(library, threads), "");
        EXPECT_EQ(call->check(), "");
      }
    }
  }
}

void attn::test::checkCaseSimt(const Case &c, uint64_t seed) {
  SCOPED_TRACE("ATTN_TEST_CASE='" + c.line +
               "' ATTN_TEST_SEED=" + std::to_string(seed));
  Attention attention(c);
  // Both ways to split, and two sizes of shared memory, hence of tiles.
  const SimtRun runs[] = {
      {"sm_90", SimtRun::RoundRobin, /*lateCopies=*/true, seed, false},
      {"sm_90", SimtRun::Reverse, /*lateCopies=*/false, seed, true},
      {"sm_86", SimtRun::Random, /*lateCopies=*/true, seed, false},
  };
  for (int64_t page : c.pages) {
    std::vector<int32_t> lens =
        c.lens.empty() ? defaultLengths(c, page) : c.lens;
    std::unique_ptr<Call> call = attention.makeCall(lens, page, seed);
    for (const SimtRun &run : runs) {
      SCOPED_TRACE(std::string(run.chip) + ", page " + std::to_string(page) +
                   ", schedule " + std::to_string(run.schedule));
      ASSERT_EQ(attention.runSimt(*call, run), "");
      EXPECT_EQ(call->check(), "");
    }
  }
}
