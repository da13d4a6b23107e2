//===- Deployment.h - What the advisor is asked ----------------------*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The question: a model on a machine, spread in some way, at some sizes. And
// the quantities that several sections of the answer need.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_DEPLOYMENT_H
#define ATTN_ADVISOR_DEPLOYMENT_H

#include "attn/Advisor/Machines.h"
#include "attn/Cost/Attention.h"
#include "attn/Cost/Engine.h"
#include <optional>
#include <string>
#include <vector>

namespace attn::advisor {

/// A type of cache by the name that it has on the command line.
struct KVType {
  std::string name;
  cost::CacheFormat format;
  cost::MathType math; ///< of a kernel that need not convert
};

/// bf16, f16, fp8, fp8_ds_mla, f32, 6bit or 4bit.
llvm::Expected<KVType> parseKVType(llvm::StringRef name);

/// "4096", "4k" (1024), "1m" (1024 * 1024); at least 1, at most 2^40.
llvm::Expected<int64_t> parseCount(llvm::StringRef text);
/// Comma-separated counts, none twice, as given.
llvm::Expected<std::vector<int64_t>> parseCounts(llvm::StringRef text);
/// "140e9", "131 GiB", "140GB"; in bytes.
llvm::Expected<double> parseBytes(llvm::StringRef text);

struct Deployment {
  MachineChoice machine;
  std::vector<int64_t> batches;  ///< sequences over all devices
  std::vector<int64_t> contexts; ///< tokens of each
  int64_t qLen = 1;              ///< new tokens of each in a step
  std::vector<KVType> types;     ///< the first is the one in use
  cost::EngineLayout layout;
  int64_t dp = 1;                    ///< copies that share the sequences
  std::optional<double> weightBytes; ///< of the whole model
  /// What an engine may use of a device's memory; vLLM's default.
  double memoryFraction = 0.9;
  std::optional<double> slowestStep; ///< seconds that a step may take
  std::string results;          ///< of attn-bench, file or folder; may be empty
  std::string kvLayout = "row"; ///< of a cache: row or own
  int64_t threads = 0;          ///< of a CPU; 0: as many as were measured

  int64_t devices() const { return layout.tp * dp; }
  /// Sequences of the fullest copy.
  int64_t batchOfCopy(int64_t batch) const { return (batch + dp - 1) / dp; }
  double weightsOfDevice() const {
    return weightBytes.value_or(0) / double(layout.tp);
  }
  /// Bytes that a device has for caches; 0 if the weights leave none.
  double cacheRoom() const;
};

/// Why the setup does not suit the model; empty if it does.
std::string refusal(const Deployment &setup, const model::ModelSpec &spec);

/// One decoding step of one device, at the least.
struct Step {
  double kvBytes = 0;    ///< rows that attention reads
  double ioBytes = 0;    ///< queries and outputs
  double stateBytes = 0; ///< recurrent states, read and written
  double weightBytes = 0;
  double flops = 0; ///< of attention
  double attentionSeconds = 0, weightSeconds = 0;
  bool mathBound = false; ///< the layers that take most of attention's time

  double seconds() const { return attentionSeconds + weightSeconds; }
  /// Share of the bytes that is cache and states [%].
  double cacheShare() const;
};

/// The attention of one layer of `group` on one device.
std::optional<cost::AttentionShape> layerShape(const Deployment &setup,
                                               const model::LayerGroup &group,
                                               const KVType &type,
                                               int64_t batch, int64_t context);

/// The type that the machine multiplies such a cache in.
cost::MathType mathType(const Deployment &setup, const KVType &type);

/// None if a layer cannot have the type.
std::optional<Step> stepOf(const Deployment &setup,
                           const model::ModelSpec &spec, const KVType &type,
                           int64_t batch, int64_t context);

/// Whether `batch` sequences of `context` tokens find room. A type that the
/// model cannot have never fits.
bool fits(const Deployment &setup, const model::ModelSpec &spec,
          const KVType &type, int64_t batch, int64_t context);

/// The longest context that fits at `batch`, up to 2^30 tokens; 0: none.
int64_t longestContext(const Deployment &setup, const model::ModelSpec &spec,
                       const KVType &type, int64_t batch);
/// The most sequences of `context` tokens that fit, over all devices.
int64_t largestBatch(const Deployment &setup, const model::ModelSpec &spec,
                     const KVType &type, int64_t context);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_DEPLOYMENT_H
