//===- ConfigReader.cpp - Checked access to a JSON object -----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigReader.h"
#include <algorithm>

using namespace llvm;
using namespace attn::model;

void ConfigReader::fail(StringRef key, const Twine &what) {
  if (!failed())
    failure = (pathOf(key) + ": " + what).str();
}

void ConfigReader::failFound(StringRef key, const Twine &expected) {
  const json::Value *value = object.get(key);
  fail(key, "expected " + expected + ", found " +
                (value ? describe(*value) : std::string("nothing")));
}

void ConfigReader::record(StringRef field, StringRef key,
                          const json::Value &value) {
  spec.facts.push_back({field.str(), describe(value), pathOf(key)});
}

void ConfigReader::derived(StringRef field, const Twine &value,
                           const Twine &from) {
  spec.facts.push_back({field.str(), value.str(), ("(" + from + ")").str()});
}

void ConfigReader::note(const Twine &text) { spec.notes.push_back(text.str()); }

void ConfigReader::ignore(StringRef key, const Twine &why) {
  if (const json::Value *value = find(key))
    note(pathOf(key) + " = " + describe(*value) + " ignored: " + why);
}

const json::Value *ConfigReader::find(StringRef key) {
  read.insert(key);
  const json::Value *value = object.get(key);
  return value && value->kind() != json::Value::Null ? value : nullptr;
}

std::optional<int64_t> ConfigReader::integer(StringRef field, StringRef key,
                                             int64_t min, int64_t max) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<int64_t> number = value->getAsInteger();
  if (!number || *number < min || *number > max) {
    failFound(key, "an integer from " + Twine(min) + " to " + Twine(max));
    return std::max<int64_t>(min, 1);
  }
  record(field, key, *value);
  return number;
}

std::optional<int64_t>
ConfigReader::optional(StringRef field, ArrayRef<StringRef> keys, int64_t max) {
  std::optional<int64_t> result;
  StringRef resultKey;
  for (StringRef key : keys) {
    std::optional<int64_t> number = integer(field, key, 1, max);
    if (!number)
      continue;
    if (result && *result != *number)
      fail(key, Twine(*number) + " contradicts " + pathOf(resultKey) + " = " +
                    Twine(*result));
    result = number;
    resultKey = key;
  }
  return result;
}

int64_t ConfigReader::required(StringRef field, ArrayRef<StringRef> keys,
                               int64_t max) {
  if (std::optional<int64_t> number = optional(field, keys, max))
    return *number;
  fail(keys.front(), "missing");
  return 1;
}

int64_t ConfigReader::countOrZero(StringRef field, StringRef key, int64_t max) {
  return integer(field, key, 0, max).value_or(0);
}

std::optional<double> ConfigReader::positiveNumber(StringRef field,
                                                   StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number = value->getAsNumber();
  if (!number || !(*number >= kMinNumber && *number <= kMaxNumber)) {
    failFound(key, "a number from 1e-6 to 1e6");
    return 1.0;
  }
  record(field, key, *value);
  return number;
}

std::optional<bool> ConfigReader::flag(StringRef field, StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<bool> result = value->getAsBoolean();
  if (result)
    record(field, key, *value);
  else
    failFound(key, "true or false");
  return result;
}

bool ConfigReader::requiredFlag(StringRef field, StringRef key) {
  std::optional<bool> result = flag(field, key);
  if (!result)
    fail(key, "missing");
  return result.value_or(false);
}

std::optional<StringRef> ConfigReader::string(StringRef field, StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<StringRef> result = value->getAsString();
  if (result)
    record(field, key, *value);
  else
    failFound(key, "a string");
  return result;
}

std::optional<std::vector<int64_t>>
ConfigReader::integers(StringRef field, StringRef key, int64_t max) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  const json::Array *list = value->getAsArray();
  if (!list) {
    failFound(key, "a list of integers");
    return std::nullopt;
  }
  std::vector<int64_t> result;
  for (const json::Value &element : *list) {
    std::optional<int64_t> number = element.getAsInteger();
    if (!number || *number < 0 || *number > max) {
      fail(key, "expected integers from 0 to " + Twine(max) + ", found " +
                    describe(element) + " at index " + Twine(result.size()));
      return std::nullopt;
    }
    result.push_back(*number);
  }
  record(field, key, *value);
  return result;
}

std::optional<std::vector<StringRef>> ConfigReader::strings(StringRef field,
                                                            StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  const json::Array *list = value->getAsArray();
  if (!list) {
    failFound(key, "a list of strings");
    return std::nullopt;
  }
  std::vector<StringRef> result;
  for (const json::Value &element : *list) {
    std::optional<StringRef> text = element.getAsString();
    if (!text) {
      fail(key, "expected strings, found " + describe(element) + " at index " +
                    Twine(result.size()));
      return std::nullopt;
    }
    result.push_back(*text);
  }
  record(field, key, *value);
  return result;
}

std::optional<ConfigReader> ConfigReader::child(StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  const json::Object *nested = value->getAsObject();
  if (!nested) {
    failFound(key, "an object");
    return std::nullopt;
  }
  return ConfigReader(*nested, pathOf(key) + ".", spec, failure);
}
