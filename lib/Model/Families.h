//===- Families.h - Model families known to the config reader --*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// One parser for each way of writing attention down in a config.json, and the
// helpers they share. A parser fills ModelSpec::groups, layers and the
// multi-token-prediction fields; Config.cpp does the rest.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_MODEL_FAMILIES_H
#define ATTN_LIB_MODEL_FAMILIES_H

#include "ConfigReader.h"
#include "llvm/ADT/ArrayRef.h"

namespace attn::model {

using FamilyParser = void (*)(ConfigReader &config, ModelSpec &spec);

struct Family {
  llvm::StringRef modelType;
  FamilyParser parse;
};

// Grouped.cpp: one kind of grouped attention in all layers.
void parseLlama(ConfigReader &, ModelSpec &);
void parseGrouped(ConfigReader &, ModelSpec &);
void parseFalcon(ConfigReader &, ModelSpec &);
void parseBigCode(ConfigReader &, ModelSpec &);
void parseMiniMaxM2(ConfigReader &, ModelSpec &);
void parseMiniMaxM3(ConfigReader &, ModelSpec &);

// Windowed.cpp and Gemma.cpp: windows or chunks, in all layers or in some.
void parseMistral(ConfigReader &, ModelSpec &);
void parseQwen(ConfigReader &, ModelSpec &);
void parseLlama4(ConfigReader &, ModelSpec &);
void parseGptOss(ConfigReader &, ModelSpec &);
void parseMimoV2(ConfigReader &, ModelSpec &);
void parseStep3(ConfigReader &, ModelSpec &);
void parseGemma2(ConfigReader &, ModelSpec &);
void parseGemma3(ConfigReader &, ModelSpec &);
void parseGemma4(ConfigReader &, ModelSpec &);

// Latent.cpp: multi-head latent attention in all attention layers.
void parseDeepSeek(ConfigReader &, ModelSpec &);
void parseDeepSeekSparse(ConfigReader &, ModelSpec &);
void parseLongCat(ConfigReader &, ModelSpec &);

// Recurrent.cpp: layers with a state of fixed size among the attention layers.
void parseQwenNext(ConfigReader &, ModelSpec &);
void parseKimiLinear(ConfigReader &, ModelSpec &);
void parseNemotronH(ConfigReader &, ModelSpec &);

//===----------------------------------------------------------------------===//
// Shared by the parsers (Layers.cpp)
//===----------------------------------------------------------------------===//

/// num_hidden_layers under its various names.
int64_t readLayerCount(ConfigReader &config);
/// num_attention_heads under its various names.
int64_t readQueryHeads(ConfigReader &config);
/// head_dim, or hidden_size / `qHeads` where the config has none.
int64_t readHeadDim(ConfigReader &config, int64_t qHeads);

/// Grouped attention of these heads and widths, scaled by 1/sqrt(kDim). Fails,
/// naming `kvKey`, if the KV heads do not divide the query heads.
AttentionSpec makeGrouped(ConfigReader &config, llvm::StringRef kvKey,
                          int64_t qHeads, int64_t kvHeads, int64_t kDim,
                          int64_t vDim);
/// Grouped attention from num_attention_heads, num_key_value_heads, head_dim.
AttentionSpec readGrouped(ConfigReader &config);
/// The object under rope_scaling or, in newer configs, rope_parameters.
std::optional<ConfigReader> ropeParameters(ConfigReader &config);
/// Multi-head latent attention in its absorbed form.
AttentionSpec readLatent(ConfigReader &config);

/// Groups to choose layers from.
LayerGroup attentionGroup(llvm::StringRef kind, const AttentionSpec &spec);
/// `full` with a window. A window that no context of the model can fill cuts
/// nothing: it is noted and left out, and the group is a "full" one.
LayerGroup windowGroup(ConfigReader &config, const ModelSpec &spec,
                       AttentionSpec full, int64_t window);

/// Sets spec.layers to `order` (indices into `kinds`) and spec.groups to the
/// kinds that occur.
void setLayers(ModelSpec &spec, llvm::ArrayRef<LayerGroup> kinds,
               llvm::ArrayRef<unsigned> order);
/// `count` layers of one kind; layer_types, where present, must say `typeName`
/// for each.
void setUniformLayers(ConfigReader &config, ModelSpec &spec,
                      const LayerGroup &kind, int64_t count,
                      llvm::StringRef typeName = "full_attention");

/// For every layer the index of its layer_types entry in `names`; none without
/// the key. Fails on other names and on a list of the wrong length.
std::optional<std::vector<unsigned>>
readLayerTypes(ConfigReader &config, int64_t layers,
               llvm::ArrayRef<llvm::StringRef> names);
/// layer_types where present, else the pattern that `isSecond` describes; both
/// present must agree. `isSecond(i)` tells layers of names[1] from names[0].
std::vector<unsigned>
layerTypesOrPattern(ConfigReader &config, int64_t layers,
                    llvm::ArrayRef<llvm::StringRef> names,
                    llvm::function_ref<bool(int64_t)> isSecond);

/// Reads how many multi-token-prediction layers there are.
void readPredictionLayers(ConfigReader &config, ModelSpec &spec,
                          llvm::StringRef key = "num_nextn_predict_layers");

//===----------------------------------------------------------------------===//
// What is known about keys (Keys.cpp)
//===----------------------------------------------------------------------===//

/// The key says something about the shape of attention or of the cache.
bool shapesAttention(llvm::StringRef key);
/// The key is known to have no part in either.
bool isIrrelevant(llvm::StringRef key);

} // namespace attn::model

#endif // ATTN_LIB_MODEL_FAMILIES_H
