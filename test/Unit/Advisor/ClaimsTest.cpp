//===- ClaimsTest.cpp - What people say, and its arithmetic ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluate.h"
#include "TestSetup.h"
#include "attn/Advisor/Sections.h"
#include <cmath>

using namespace attn::advisor;

TEST(Claims, ArithmeticYieldsItsFigure) {
  Table table = claimsSection().tables.front();
  EXPECT_GE(table.rows.size(), 13u);
  for (const std::vector<Cell> &row : table.rows) {
    std::string text = format(row[3], Unit::Text);
    auto [working, figure] = llvm::StringRef(text).rsplit(" = ");
    std::optional<double> value = evaluate(working);
    double number;
    ASSERT_TRUE(value && !figure.getAsDouble(number)) << text;
    EXPECT_NEAR(*value, number, 1e-9 * std::abs(number)) << text;
  }
}

TEST(Claims, FiguresOfTheSurvey) {
  std::string all;
  Table table = claimsSection().tables.front();
  for (const std::vector<Cell> &row : table.rows)
    all += format(row[2], Unit::Text) + ";";
  for (const char *figure : {"819,200 B", "3.12 GiB", "100 GiB", "93.34 %",
                             "82.24 %", "98.24 %", "99.79 %", "241.8", "3.40"})
    EXPECT_NE(all.find(figure), std::string::npos) << figure;
}
