//===- ModelSpec.cpp - What a model's attention is ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Model/ModelSpec.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>

using namespace attn::model;

const char *attn::model::toString(Variant variant) {
  switch (variant) {
  case Variant::MHA:
    return "MHA";
  case Variant::MQA:
    return "MQA";
  case Variant::GQA:
    return "GQA";
  case Variant::MLA:
    return "MLA";
  }
  llvm_unreachable("unknown variant");
}

int64_t AttentionSpec::retainedTokens(int64_t context) const {
  if (window)
    context = std::min(context, *window);
  if (chunk)
    context = std::min(context, *chunk);
  return context;
}

int64_t ModelSpec::growingLayers() const {
  int64_t count = 0;
  for (const LayerGroup &group : groups)
    if (group.growing())
      count += group.count;
  return count;
}

const LayerGroup *ModelSpec::mainGroup() const {
  const LayerGroup *withAttention = nullptr;
  for (const LayerGroup &group : groups) {
    if (group.growing())
      return &group;
    if (group.attention && !withAttention)
      withAttention = &group;
  }
  return withAttention;
}
