//===- PtxCheckTest.cpp - What PTX shows of a kernel's speed --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/PtxCheck.h"
#include "Support.h"
#include "attn/Target/NVVMCompiler.h"
#include "gtest/gtest.h"

using namespace attn;

TEST(PtxCheck, CountsByFunction) {
  auto functions = readPtx(R"(
.version 8.0
.visible .entry first(
	.param .u64 first_param_0
)
.reqntid 128
{
	.local .align 16 .b8 	__local_depot0[96];
	// ld.global.b32 in a comment
	ld.global.nc.v4.b32 	{%r1, %r2, %r3, %r4}, [%rd1];
	@%p1 ld.global.v2.b64 	{%rd3, %rd4}, [%rd1];
	@!%p1 ld.global.b32 	%r5, [%rd2];
	ld.param.b64 	%rd1, [first_param_0];
	st.local.b32 	[%rd5], %r5;
	cp.async.cg.shared.global [%r6], [%rd1], 16, %r7;
	@%p2 cp.async.ca.shared.global [%r6], [%rd1], 4;
	cp.async.commit_group;
	cp.async.wait_group 	2;
	cp.async.wait_group 	0;
	ldmatrix.sync.aligned.m8n8.x4.shared.b16 	{%r1, %r2, %r3, %r4}, [%r5];
	mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1}, {%r1}, {%r2}, {%f1};
	ret;
}
.visible .entry second()
{
	ld.global.v4.f32 	{%f1, %f2, %f3, %f4}, [%rd1];
	ret;
}
)");
  ASSERT_EQ(functions.size(), 2u);
  const PtxFunctionFacts &first = functions[0], &second = functions[1];
  EXPECT_EQ(first.name, "first");
  EXPECT_EQ(first.globalLoads, 3);
  EXPECT_EQ(first.wideGlobalLoads, 2);
  EXPECT_EQ(first.localAccesses, 1);
  EXPECT_EQ(first.localBytes, 96);
  EXPECT_EQ(first.asyncCopies, 2);
  EXPECT_EQ(first.wideAsyncCopies, 1);
  EXPECT_EQ(first.pendingGroups, 2);
  EXPECT_EQ(first.ldmatrix, 1);
  EXPECT_EQ(first.mma, 1);
  EXPECT_EQ(second.name, "second");
  EXPECT_EQ(second.wideGlobalLoads, 1);
  EXPECT_EQ(second.localBytes, 0);
  EXPECT_EQ(second.pendingGroups, -1);
}

TEST(PtxCheck, ReadsWhatIsCompiled) {
  NVVMSource source;
  auto module = source.parse("nvvm-mma");
  auto functions =
      readPtx(llvm::cantFail(compileToPTX(*module, arch("sm_80"))));
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0].name, "mma");
  EXPECT_EQ(functions[0].wideAsyncCopies, 2);
  EXPECT_EQ(functions[0].asyncCopies, 2);
  EXPECT_EQ(functions[0].ldmatrix, 2);
  EXPECT_EQ(functions[0].mma, 1);
  EXPECT_EQ(functions[0].pendingGroups, 0);
  EXPECT_EQ(functions[0].localAccesses, 0);
}

TEST(PtxCheck, BytesInFlight) {
  PtxFunctionFacts facts;
  // Nothing asynchronous: nothing in flight while it computes.
  EXPECT_EQ(bytesInFlight(facts, 32768, 2), 0);
  // A ring of three: one tile waited for, one behind it; two CTAs.
  facts.pendingGroups = 1;
  EXPECT_EQ(bytesInFlight(facts, 32768, 2), 131072);
  EXPECT_GT(neededBytesInFlight(arch("sm_90")),
            neededBytesInFlight(arch("sm_80")));
  // What schedules aim at satisfies the check.
  for (const NVVMArch &each : nvvmArchs())
    EXPECT_LE(neededBytesInFlight(each), kEnoughBytesInFlight) << each.name();
}
