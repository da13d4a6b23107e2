//===- RunOptions.cpp - Options that attn-run and attn-bench share *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunOptions.h"

#include "llvm/ADT/STLExtras.h"

using namespace attn;

llvm::Error RunOptions::validate() const {
  if (device != "cpu" && device != "simt" && device != "cuda")
    return llvm::createStringError("--device must be cpu, cuda or simt");
  if (batch < 1 || batch > 1 << 20)
    return llvm::createStringError("--batch must be 1 to 1048576");
  if (threads < 1 || threads > 4096)
    return llvm::createStringError("--threads must be 1 to 4096");
  if (qLen < 1 || qLen > mostQueries)
    return llvm::createStringError("--q-len must be 1 to " +
                                   llvm::Twine(mostQueries));
  if (!llvm::is_contained({"auto", "always", "never"}, scoreRest.getValue()))
    return llvm::createStringError("--score-rest must be auto, always or "
                                   "never");
  if (page < 0 || page > 1 << 30)
    return llvm::createStringError("--page must be 0 to 2^30");
  return decodeOptions().takeError();
}

llvm::Expected<DecodeOptions> RunOptions::decodeOptions() const {
  DecodeOptions options;
  auto element = parseElement(dtype);
  if (!element)
    return llvm::createStringError("--dtype must be bf16, f16 or f32");
  auto parsedLayout = symbolizeLayout(layout);
  if (!parsedLayout)
    return llvm::createStringError("--layout must be own or row");
  options.element = *element;
  options.layout = *parsedLayout;
  options.page = page;
  options.qLen = qLen;
  return options;
}
