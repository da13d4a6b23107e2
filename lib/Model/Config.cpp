//===- Config.cpp - Reading config.json -----------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Model/Config.h"
#include "Families.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace attn::model;

static constexpr Family kFamilies[] = {
    {"RefinedWeb", parseFalcon}, // Falcon-40B's and -7B's own model types
    {"RefinedWebModel", parseFalcon},
    {"deepseek_v2", parseDeepSeek},
    {"deepseek_v3", parseDeepSeek},
    {"deepseek_v32", parseDeepSeekSparse},
    {"falcon", parseFalcon},
    {"gemma", parseGrouped},
    {"gemma2", parseGemma2},
    {"gemma3_text", parseGemma3},
    {"gemma4_text", parseGemma4},
    {"glm4_moe", parseGrouped},
    {"glm4_moe_lite", parseDeepSeek},
    {"glm_moe_dsa", parseDeepSeekSparse},
    {"gpt_bigcode", parseBigCode},
    {"gpt_oss", parseGptOss},
    {"kimi_k2", parseDeepSeek},
    {"kimi_linear", parseKimiLinear},
    {"llama", parseLlama},
    {"llama4_text", parseLlama4},
    {"longcat_flash", parseLongCat},
    {"mimo", parseQwen},
    {"mimo_v2_flash", parseMimoV2},
    {"minicpm3", parseDeepSeek},
    {"minimax_m2", parseMiniMaxM2},
    {"minimax_m3", parseMiniMaxM3},
    {"minimax_m3_vl", parseMiniMaxM3},
    {"mistral", parseMistral},
    {"mixtral", parseMistral},
    {"nemotron_h", parseNemotronH},
    {"phi3", parseMistral},
    {"qwen2", parseQwen},
    {"qwen2_moe", parseQwen},
    {"qwen3", parseQwen},
    {"qwen3_5_moe_text", parseQwenNext},
    {"qwen3_5_text", parseQwenNext},
    {"qwen3_moe", parseQwen},
    {"qwen3_next", parseQwenNext},
    {"qwen3_vl_moe_text", parseQwen},
    {"qwen3_vl_text", parseQwen},
    {"starcoder2", parseMistral},
    {"step3p7", parseStep3},
};

/// Models that are known, and known not to fit.
static StringRef reasonToRefuse(StringRef modelType) {
  if (modelType == "deepseek_v4")
    return "its layers keep a window and caches compressed 4 and 128 to 1, "
           "which is no cache with a row for every token";
  if (modelType == "nemotron-nas")
    return "block_configs gives each layer heads of its own";
  return "unknown architecture";
}

/// Whether a value says that what its key stands for is not there.
static bool isOff(const json::Value &value) {
  switch (value.kind()) {
  case json::Value::Null:
    return true;
  case json::Value::Boolean:
    return !*value.getAsBoolean();
  case json::Value::Number:
    return value.getAsNumber() == 0.0;
  case json::Value::String:
    return value.getAsString()->empty();
  case json::Value::Array:
    return value.getAsArray()->empty();
  case json::Value::Object:
    return value.getAsObject()->empty();
  }
  llvm_unreachable("unknown kind of JSON value");
}

/// Fails on keys of attention that the family's parser left alone, and lists
/// the keys that nobody knows.
static void checkUnreadKeys(const json::Object &object, ConfigReader &config,
                            ModelSpec &spec) {
  std::vector<StringRef> keys;
  for (const auto &entry : object)
    keys.push_back(entry.first);
  llvm::sort(keys);
  for (StringRef key : keys) {
    if (config.wasRead(key) || isIrrelevant(key))
      continue;
    if (!shapesAttention(key))
      spec.unrecognizedKeys.push_back(config.pathOf(key));
    else if (!isOff(*object.get(key)))
      config.fail(key, describe(*object.get(key)) + " found, but model_type " +
                           spec.modelType + " is not known to use it");
  }
}

/// A wrapper (vision and language) may repeat what its text_config says, but
/// not contradict it.
static void checkWrapper(const json::Object &text, ConfigReader &wrapper,
                         const json::Object &top) {
  for (const auto &[key, value] : top) {
    const json::Value *inner = text.get(key);
    if (shapesAttention(key) && !isOff(value) && (!inner || *inner != value))
      wrapper.fail(key, describe(value) + " contradicts text_config." +
                            key.str() + " = " +
                            (inner ? describe(*inner) : "nothing"));
  }
}

/// Together with the bounds on single fields: no sum overflows
/// (ConfigReader.h).
static void checkSize(const ModelSpec &spec, std::string &failure) {
  constexpr int64_t kMaxCache = int64_t(1) << 31;
  int64_t elements = 0;
  for (auto [index, group] : enumerate(spec.groups))
    if (group.attention)
      elements +=
          (group.count + (index == spec.mtpGroup ? spec.mtpLayers : 0)) *
          group.attention->cacheElements();
  if (elements > kMaxCache && failure.empty())
    failure = ("num_hidden_layers: a cache of " + Twine(elements) +
               " elements a token cannot be meant")
                  .str();
}

static std::string readArchitecture(ConfigReader &config) {
  auto names = config.strings("architecture", "architectures");
  return names && !names->empty() ? names->front().str() : std::string();
}

/// Fills `spec` from the object that describes the language model. MiniMax-M3's
/// has no model_type and goes by its wrapper's.
static void readSpec(const json::Object &object, ConfigReader &config,
                     ModelSpec &spec,
                     std::optional<StringRef> wrapperType = std::nullopt) {
  if (std::string name = readArchitecture(config); !name.empty())
    spec.architecture = name;
  std::optional<StringRef> modelType =
      config.string("model_type", "model_type");
  if (!modelType)
    modelType = wrapperType;
  if (!modelType)
    return config.fail("model_type", "missing");
  spec.modelType = modelType->str();
  const Family *family = llvm::find_if(
      kFamilies, [&](const Family &f) { return f.modelType == *modelType; });
  if (family == std::end(kFamilies))
    return config.fail(
        "model_type", "\"" + *modelType +
                          "\" is not supported: " + reasonToRefuse(*modelType));
  spec.maxContext = config.optional(
      "max_context", {"max_position_embeddings", "n_positions"}, kMaxTokens);
  family->parse(config, spec);
  checkUnreadKeys(object, config, spec);
}

Expected<ModelSpec> attn::model::parseConfig(StringRef text, StringRef name) {
  auto refuse = [&](const Twine &what) {
    return createStringError(inconvertibleErrorCode(), name + ": " + what);
  };
  Expected<json::Value> root = parseJson(text);
  if (!root)
    return refuse(toString(root.takeError()));
  const json::Object *top = root->getAsObject();
  if (!top)
    return refuse("expected an object, found " + describe(*root));

  ModelSpec spec;
  spec.name = name.str();
  std::string failure;
  ConfigReader wrapper(*top, "", spec, failure);
  if (std::optional<ConfigReader> config = wrapper.child("text_config")) {
    const json::Object &nested = *top->getObject("text_config");
    spec.architecture = readArchitecture(wrapper);
    readSpec(nested, *config, spec,
             wrapper.string("wrapper_type", "model_type"));
    checkWrapper(nested, wrapper, *top);
  } else {
    readSpec(*top, wrapper, spec);
  }
  checkSize(spec, failure);
  if (!failure.empty())
    return refuse(failure);
  return spec;
}

Expected<std::unique_ptr<MemoryBuffer>>
attn::model::readConfig(StringRef path) {
  SmallString<256> file(path);
  if (sys::fs::is_directory(path))
    sys::path::append(file, "config.json");
  auto buffer = MemoryBuffer::getFile(file);
  if (!buffer)
    return createStringError(buffer.getError(),
                             file + ": " + buffer.getError().message());
  return std::move(*buffer);
}

Expected<ModelSpec> attn::model::loadConfig(StringRef path) {
  auto text = readConfig(path);
  if (!text)
    return text.takeError();
  return parseConfig((*text)->getBuffer(), (*text)->getBufferIdentifier());
}

std::vector<StringRef> attn::model::supportedModelTypes() {
  std::vector<StringRef> names;
  for (const Family &family : kFamilies)
    names.push_back(family.modelType);
  llvm::sort(names);
  return names;
}
