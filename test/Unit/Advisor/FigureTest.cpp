//===- FigureTest.cpp - The figures of the survey -------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The figures of notes/engines.md section 6, through the JSON that a program
// reads.
//
//===----------------------------------------------------------------------===//

#include "TestSetup.h"
#include "attn/Advisor/Render.h"

using namespace attn;
using namespace attn::advisor;

/// The JSON of the report, after a trip through text.
static llvm::json::Value jsonOf(const std::string &model,
                                const Deployment &setup) {
  auto report = advise(setup, modelNamed(model));
  if (!report) {
    ADD_FAILURE() << llvm::toString(report.takeError());
    return nullptr;
  }
  return llvm::cantFail(
      llvm::json::parse(llvm::formatv("{0}", toJSON(*report, true)).str()));
}

/// `column` of the first row of a table.
static int64_t first(const llvm::json::Value &json, llvm::StringRef section,
                     llvm::StringRef table, llvm::StringRef column) {
  const llvm::json::Array *rows = rowsOf(json, section, table);
  if (!rows || rows->empty())
    return -1;
  return (*rows)[0].getAsObject()->getInteger(column).value_or(-1);
}

namespace {
struct Figure {
  const char *model, *type;
  int64_t bytes;
};
} // namespace

class BytesPerToken : public testing::TestWithParam<Figure> {};

TEST_P(BytesPerToken, IsThatOfTheSurvey) {
  Deployment setup = setupWith({GetParam().type}, 1);
  EXPECT_EQ(
      first(jsonOf(GetParam().model, setup), "kv", "per_token", "per_token"),
      GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Survey, BytesPerToken,
    testing::Values(Figure{"llama-2-13b", "bf16", 819200},
                    Figure{"deepseek-v3", "bf16", 70272},
                    Figure{"deepseek-v3.2", "fp8_ds_mla", 48068},
                    Figure{"falcon-7b", "bf16", 8192},
                    Figure{"kimi-k3", "bf16", 27648},
                    Figure{"kimi-linear-48b-a3b", "bf16", 8064},
                    Figure{"longcat-flash", "bf16", 64512},
                    Figure{"llama-2-70b", "bf16", 327680},
                    Figure{"gemma-3-27b", "bf16", 81920},
                    Figure{"qwen3.5-27b", "bf16", 65536}));

TEST(Figures, Gemma3At128K) {
  Deployment setup = setupWith({"bf16"}, 1);
  setup.contexts = {131072};
  llvm::json::Value json = jsonOf("gemma-3-27b", setup);
  // 10 full layers, and 52 layers that keep 1024 tokens.
  int64_t bytes = first(json, "kv", "per_sequence", "theory");
  EXPECT_EQ(bytes, int64_t(81920) * 131072 + int64_t(52) * 8192 * 1024);
  EXPECT_NEAR(double(bytes) / (1 << 30), 10.4, 0.05);
}

TEST(Figures, Qwen35HasSixteenFullLayers) {
  llvm::json::Value json = jsonOf("qwen3.5-27b", setupWith({"bf16"}, 1));
  int64_t full = 0;
  for (const llvm::json::Value &row : *rowsOf(json, "facts", "layers")) {
    const llvm::json::Object &object = *row.getAsObject();
    if (object.getString("kind") == "full")
      full += *object.getInteger("count");
  }
  EXPECT_EQ(full, 16);
}

TEST(Figures, SchemaAndUnits) {
  llvm::json::Value json = jsonOf("llama-2-13b", setupWith({"bf16"}, 1));
  EXPECT_EQ(json.getAsObject()->getString("schema"), kSchema);
  const llvm::json::Object *row =
      (*rowsOf(json, "kv", "per_token"))[0].getAsObject();
  EXPECT_EQ(
      row->getObject("formulas")->getObject("growing")->getString("working"),
      "40 * 20480");
}

TEST(Figures, EqualQuestionsGiveEqualBytes) {
  Deployment setup = setupWith({"bf16", "fp8"}, 1);
  EXPECT_EQ(llvm::formatv("{0:2}", jsonOf("deepseek-v3", setup)).str(),
            llvm::formatv("{0:2}", jsonOf("deepseek-v3", setup)).str());
}

/// The number in `column` of the row whose `key` is `name`.
static double numberOf(const llvm::json::Array &rows, llvm::StringRef key,
                       llvm::StringRef name, llvm::StringRef column) {
  for (const llvm::json::Value &row : rows)
    if (row.getAsObject()->getString(key) == name)
      return row.getAsObject()->getNumber(column).value_or(-1);
  ADD_FAILURE() << "no row " << name.str();
  return -1;
}

TEST(Figures, LatentAgainstItsOwnMHA) {
  llvm::json::Value json = jsonOf("deepseek-v2", setupWith({"bf16"}, 1));
  EXPECT_NEAR(numberOf(*rowsOf(json, "what_if", "variants"), "variant",
                       "as it is", "less_than_mha"),
              98.24, 0.005);
}

TEST(Figures, DeepSeekV2AgainstDeepSeek67B) {
  Report report =
      compare(setupWith({"bf16", "6bit"}, 1),
              {modelNamed("deepseek-v2"), modelNamed("deepseek-67b")});
  llvm::json::Value json = toJSON(report, false);
  const llvm::json::Array &rows = *rowsOf(json, "compare", "per_token");
  auto percent = [&](int row) {
    return rows[row].getAsObject()->getNumber("less_than_deepseek-67b");
  };
  EXPECT_NEAR(*percent(0), 82.2, 0.05);   // both in bf16
  EXPECT_NEAR(*percent(1), 93.34, 0.005); // 6 bits against bf16
}

TEST(Figures, LatentThresholds) {
  Deployment setup = setupWith({"bf16"}, 1);
  setup.contexts = {1024, 8192};
  auto byFlops = [&](const std::string &model, int row) {
    llvm::json::Value json = jsonOf(model, setup);
    const llvm::json::Array &rows = *rowsOf(json, "mla_form", "thresholds");
    return *rows[row].getAsObject()->getNumber("by_flops");
  };
  // r D / (2r - D + r D / T).
  EXPECT_NEAR(byFlops("minicpm3-4b", 0), 78.8, 0.05);
  EXPECT_NEAR(byFlops("minicpm3-4b", 1), 84.5, 0.05);
  // The scale of DeepSeek-V3 has the scores' operand keep its rest: r - n more
  // in the denominator.
  EXPECT_NEAR(byFlops("deepseek-v3", 0), 102.4, 0.05);
  EXPECT_NEAR(byFlops("deepseek-v3", 1), 112.2, 0.05);
}
