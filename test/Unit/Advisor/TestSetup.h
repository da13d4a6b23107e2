//===- TestSetup.h - What the tests ask about -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models and setups that several tests ask about.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_ADVISOR_TESTSETUP_H
#define ATTN_TEST_UNIT_ADVISOR_TESTSETUP_H

#include "attn/Advisor/Advise.h"
#include "attn/Model/Config.h"
#include "gtest/gtest.h"

inline attn::model::ModelSpec modelNamed(const std::string &name) {
  auto spec =
      attn::model::loadConfig(ATTN_TEST_DIR "/models/" + name + ".json");
  if (!spec) {
    ADD_FAILURE() << llvm::toString(spec.takeError());
    return {};
  }
  return std::move(*spec);
}

/// One H200, bf16, three batches and contexts, 140 GB of weights over `tp`.
inline attn::advisor::Deployment
setupWith(const std::vector<std::string> &types, int64_t tp = 2) {
  attn::advisor::Deployment setup;
  setup.machine = llvm::cantFail(attn::advisor::findMachine("h200"));
  setup.batches = {1, 8, 32};
  setup.contexts = {4096, 32768, 131072};
  for (const std::string &type : types)
    setup.types.push_back(llvm::cantFail(attn::advisor::parseKVType(type)));
  setup.layout.tp = tp;
  setup.weightBytes = 140e9;
  return setup;
}

/// The rows of one table of the JSON output.
inline const llvm::json::Array *rowsOf(const llvm::json::Value &report,
                                       llvm::StringRef section,
                                       llvm::StringRef table) {
  const llvm::json::Object *object = report.getAsObject();
  for (llvm::StringRef key :
       {llvm::StringRef("sections"), section, llvm::StringRef("tables"), table})
    object = object ? object->getObject(key) : nullptr;
  return object ? object->getArray("rows") : nullptr;
}

#endif // ATTN_TEST_UNIT_ADVISOR_TESTSETUP_H
