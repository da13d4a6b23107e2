//===- RenderTest.cpp - Outputs -------------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Render.h"
#include "TestSetup.h"

using namespace attn;
using namespace attn::advisor;

static std::string htmlOf(const Report &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  renderHTML(os, report);
  return text;
}

TEST(Render, NumbersForPeople) {
  EXPECT_EQ(format(70272, Unit::BytesPerToken), "70,272 B");
  EXPECT_EQ(format(1023, Unit::Bytes), "1,023 B");
  EXPECT_EQ(format(int64_t(5) << 29, Unit::Bytes), "2.50 GiB");
  EXPECT_EQ(format(1.23e-5, Unit::Seconds), "12.30 us");
  EXPECT_EQ(format(0.0, Unit::Seconds), "0.00 ns");
  EXPECT_EQ(format(-1234567, Unit::Count), "-1,234,567");
  EXPECT_EQ(format(-123, Unit::Count), "-123");
  EXPECT_EQ(format({}, Unit::Bytes), "-");
  EXPECT_EQ(format(true, Unit::Text), "yes");
}

TEST(Render, PageStandsAlone) {
  Deployment setup = setupWith({"bf16"}, 2);
  std::string html = htmlOf(*advise(setup, modelNamed("llama-2-70b")));
  llvm::StringRef page = html;
  EXPECT_EQ(page.count("<svg "), 3u); // roofline, bytes, map
  EXPECT_EQ(page.count("<svg "), page.count("</svg>"));
  for (const char *elsewhere : {"http:", "https:", "<script", "url(", "src="})
    EXPECT_FALSE(page.contains(elsewhere)) << elsewhere;
  EXPECT_FALSE(page.contains("nan")) << "a coordinate is no number";
  EXPECT_FALSE(page.contains("'inf"));
}

TEST(Render, HostileNamesStayText) {
  Deployment setup = setupWith({"bf16"}, 2);
  model::ModelSpec spec = modelNamed("llama-2-70b");
  spec.unrecognizedKeys = {"<script>alert(1)</script>", "a|b\"c'd&"};
  Report report = *advise(setup, spec);
  EXPECT_FALSE(llvm::StringRef(htmlOf(report)).contains("<script"));
  std::string markdown;
  llvm::raw_string_ostream os(markdown);
  renderMarkdown(os, report, false);
  EXPECT_TRUE(llvm::StringRef(markdown).contains("a\\|b"));
  EXPECT_TRUE(llvm::StringRef(markdown).contains("\\<script"));
}

TEST(Render, EveryModelInEveryWay) {
  for (const char *name : {"gemma-2-2b", "nemotron-3-nano", "minimax-m3",
                           "llama-4-scout", "kimi-linear-48b-a3b"}) {
    auto report = advise(setupWith({"bf16", "fp8"}, 1), modelNamed(name));
    ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
    EXPECT_FALSE(htmlOf(*report).empty());
    std::string text;
    llvm::raw_string_ostream os(text);
    renderText(os, *report, true);
    EXPECT_GT(text.size(), 5000u);
  }
}
