//===- ConfigReader.h - Checked access to a JSON object --------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Reads typed fields out of a JSON object. The first failure is kept and every
// later read still returns something harmless (1 for counts), so that the
// families' parsers read top to bottom without error handling; the entry point
// asks for the failure at the end. Every read is remembered: as a Fact, and so
// that the keys nobody asked for can be told.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_MODEL_CONFIGREADER_H
#define ATTN_LIB_MODEL_CONFIGREADER_H

#include "attn/Model/Json.h"
#include "attn/Model/ModelSpec.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

namespace attn::model {

/// Bounds beyond which a value is taken for nonsense. Together with the one on
/// a model's whole cache (Config.cpp) they keep what the cost model computes
/// inside 64 bits for every context up to kMaxTokens.
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxHeads = 1 << 14;
constexpr int64_t kMaxWidth = 1 << 15;
constexpr int64_t kMaxHidden = 1 << 24;
constexpr int64_t kMaxTokens = 1 << 28;
constexpr double kMinNumber = 1e-6;
constexpr double kMaxNumber = 1e6;

class ConfigReader {
public:
  /// `spec` receives facts and notes, `failure` the first error's text.
  /// `path` is what the keys of `object` are prefixed with in messages.
  ConfigReader(const llvm::json::Object &object, std::string path,
               ModelSpec &spec, std::string &failure)
      : object(object), path(std::move(path)), spec(spec), failure(failure) {}

  /// An integer in [1, max] under any of `keys` (several present must agree);
  /// absent or null fails. `field` is the fact's name.
  int64_t required(llvm::StringRef field, llvm::ArrayRef<llvm::StringRef> keys,
                   int64_t max);
  /// The same; absent or null is none.
  std::optional<int64_t> optional(llvm::StringRef field,
                                  llvm::ArrayRef<llvm::StringRef> keys,
                                  int64_t max);
  /// An integer in [0, max]; absent or null is 0.
  int64_t countOrZero(llvm::StringRef field, llvm::StringRef key, int64_t max);
  /// A number in [kMinNumber, kMaxNumber]; absent or null is none.
  std::optional<double> positiveNumber(llvm::StringRef field,
                                       llvm::StringRef key);
  std::optional<bool> flag(llvm::StringRef field, llvm::StringRef key);
  bool requiredFlag(llvm::StringRef field, llvm::StringRef key);
  std::optional<llvm::StringRef> string(llvm::StringRef field,
                                        llvm::StringRef key);
  /// A list of integers in [0, max].
  std::optional<std::vector<int64_t>>
  integers(llvm::StringRef field, llvm::StringRef key, int64_t max);
  std::optional<std::vector<llvm::StringRef>> strings(llvm::StringRef field,
                                                      llvm::StringRef key);
  /// A nested object; null counts as absent.
  std::optional<ConfigReader> child(llvm::StringRef key);

  /// Marks a key as known and of no effect. Notes `why` where it is present.
  void ignore(llvm::StringRef key, const llvm::Twine &why);
  /// Records a value that no key states.
  void derived(llvm::StringRef field, const llvm::Twine &value,
               const llvm::Twine &from);
  void note(const llvm::Twine &text);

  /// Fails, naming `key`. Only the first failure is kept.
  void fail(llvm::StringRef key, const llvm::Twine &what);
  /// Fails, with the value that `key` has.
  void failFound(llvm::StringRef key, const llvm::Twine &expected);
  bool failed() const { return !failure.empty(); }

  /// The value under `key`, null and absent being the same; marks it read.
  const llvm::json::Value *find(llvm::StringRef key);
  bool wasRead(llvm::StringRef key) const { return read.contains(key); }
  std::string pathOf(llvm::StringRef key) const { return path + key.str(); }

private:
  std::optional<int64_t> integer(llvm::StringRef field, llvm::StringRef key,
                                 int64_t min, int64_t max);
  void record(llvm::StringRef field, llvm::StringRef key,
              const llvm::json::Value &value);

  const llvm::json::Object &object;
  std::string path;
  ModelSpec &spec;
  std::string &failure;
  llvm::StringSet<> read;
};

} // namespace attn::model

#endif // ATTN_LIB_MODEL_CONFIGREADER_H
