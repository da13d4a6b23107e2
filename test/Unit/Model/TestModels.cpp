//===- TestModels.cpp - The published configs of test/models --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestModels.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using namespace attn::model;

std::string test::configText(StringRef name) {
  std::string path = (Twine(ATTN_TEST_DIR "/models/") + name + ".json").str();
  auto buffer = MemoryBuffer::getFile(path);
  EXPECT_TRUE(buffer) << path;
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

const std::vector<test::Row> &test::factRows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> result;
    json::Value root = cantFail(json::parse(configText("facts")));
    for (const json::Value &row : *root.getAsArray())
      result.push_back(*row.getAsObject());
    return result;
  }();
  return rows;
}

json::Object test::configObject(StringRef name) {
  return std::move(*cantFail(json::parse(configText(name))).getAsObject());
}

std::string test::textOf(json::Object object) {
  return formatv("{0}", json::Value(std::move(object)));
}

json::Object &test::languageModel(json::Object &object) {
  json::Object *nested = object.getObject("text_config");
  return nested ? *nested : object;
}

ModelSpec test::specOf(StringRef name) {
  Expected<ModelSpec> spec = parseConfig(configText(name), name);
  if (!spec) {
    ADD_FAILURE() << toString(spec.takeError());
    return {};
  }
  return std::move(*spec);
}

Expected<ModelSpec> test::edited(StringRef name,
                                 std::function<void(json::Object &)> edit) {
  json::Object object = configObject(name);
  edit(languageModel(object));
  return parseConfig(textOf(std::move(object)), name);
}

void test::expectRefused(Expected<ModelSpec> spec,
                         std::initializer_list<StringRef> parts) {
  ASSERT_FALSE(bool(spec)) << "accepted, expected a refusal that names "
                           << parts.begin()->str();
  std::string text = toString(spec.takeError());
  for (StringRef part : parts)
    EXPECT_TRUE(StringRef(text).contains(part))
        << "'" << part.str() << "' not in: " << text;
}

const LayerGroup &test::groupOf(const ModelSpec &spec, StringRef kind) {
  static const LayerGroup none{};
  for (const LayerGroup &group : spec.groups)
    if (group.kind == kind)
      return group;
  ADD_FAILURE() << "no group " << kind.str();
  return none;
}

const Fact *test::findFact(const ModelSpec &spec, StringRef field) {
  for (const Fact &fact : spec.facts)
    if (fact.field == field)
      return &fact;
  return nullptr;
}

bool test::hasNote(const ModelSpec &spec, StringRef part) {
  for (StringRef note : spec.notes)
    if (note.contains(part))
      return true;
  return false;
}
