//===- TestModels.h - The published configs of test/models -----*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_MODEL_TESTMODELS_H
#define ATTN_TEST_UNIT_MODEL_TESTMODELS_H

#include "attn/Model/Config.h"
#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"
#include <functional>

namespace attn::model::test {

/// One row of test/models/facts.json.
using Row = llvm::json::Object;
const std::vector<Row> &factRows();

/// The text of test/models/<name>.json.
std::string configText(llvm::StringRef name);
/// Its object; tests edit it and hand it to textOf.
llvm::json::Object configObject(llvm::StringRef name);
std::string textOf(llvm::json::Object object);
/// The object under text_config, or the object itself.
llvm::json::Object &languageModel(llvm::json::Object &object);

/// The spec of a published config; fails the test if it is refused.
ModelSpec specOf(llvm::StringRef name);
/// The spec of a published config after `edit` of its language model.
llvm::Expected<ModelSpec>
edited(llvm::StringRef name, std::function<void(llvm::json::Object &)> edit);

/// Expects a refusal whose text contains each of `parts`.
void expectRefused(llvm::Expected<ModelSpec> spec,
                   std::initializer_list<llvm::StringRef> parts);

/// The group of that kind; fails the test if there is none.
const LayerGroup &groupOf(const ModelSpec &spec, llvm::StringRef kind);
const Fact *findFact(const ModelSpec &spec, llvm::StringRef field);
bool hasNote(const ModelSpec &spec, llvm::StringRef part);

} // namespace attn::model::test

#endif // ATTN_TEST_UNIT_MODEL_TESTMODELS_H
