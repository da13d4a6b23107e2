//===- ScoreRegions.cpp - Score regions as text ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreRegions.h"

#include <cstdio>
#include <cstdlib>

static const char *const kAlibi = R"(
      %one = arith.constant 1 : i32
      %h1 = arith.addi %h, %one : i32
      %hf = arith.sitofp %h1 : i32 to f32
      %rate = arith.constant -RATE : f32
      %e = arith.mulf %hf, %rate : f32
      %slope = math.exp2 %e : f32
      %d = arith.subi %j, %i : i32
      %df = arith.sitofp %d : i32 to f32
      %bias = arith.mulf %slope, %df : f32
      %y = arith.addf %x, %bias : f32
      attn.yield %y : f32)";

static const char *const kDocuments = R"(
      %n = arith.constant 48 : i32
      %di = arith.divsi %i, %n : i32
      %dj = arith.divsi %j, %n : i32
      %same = arith.cmpi eq, %di, %dj : i32
      %none = arith.constant 0xFF800000 : f32
      %y = arith.select %same, %x, %none : f32
      attn.yield %y : f32)";

static const char *const kNothing = R"(
      %zero = arith.constant 0 : i32
      %first = arith.cmpi eq, %h, %zero : i32
      %none = arith.constant 0xFF800000 : f32
      %y = arith.select %first, %x, %none : f32
      attn.yield %y : f32)";

static const char *const kFunctions = R"(
      %one = arith.constant 1.0 : f32
      %half = arith.constant 0.5 : f32
      %a = math.absf %x : f32
      %w = arith.addf %a, %one : f32
      %c = math.log %w : f32
      %d = math.log2 %w : f32
      %e = math.sqrt %w : f32
      %m = arith.negf %a : f32
      %f = math.exp %m : f32
      %g = math.exp2 %m : f32
      %k = math.tanh %x : f32
      %s0 = arith.addf %c, %d : f32
      %s1 = arith.addf %e, %f : f32
      %s2 = arith.addf %g, %k : f32
      %s3 = arith.subf %s0, %s1 : f32
      %s4 = arith.mulf %s3, %half : f32
      %s5 = arith.maximumf %s2, %s4 : f32
      %y = arith.divf %s5, %e : f32
      attn.yield %y : f32)";

static const char *const kBatch = R"(
      %bf = arith.sitofp %b : i32 to f32
      %jf = arith.sitofp %j : i32 to f32
      %rate = arith.constant 0.001 : f32
      %p = arith.mulf %bf, %jf : f32
      %r = arith.mulf %p, %rate : f32
      %y = arith.subf %x, %r : f32
      attn.yield %y : f32)";

std::string attn::test::scoreRegion(const std::string &name, int64_t heads) {
  std::string body = name == "alibi"       ? kAlibi
                     : name == "documents" ? kDocuments
                     : name == "nothing"   ? kNothing
                     : name == "functions" ? kFunctions
                     : name == "batch"     ? kBatch
                                           : "";
  if (body.empty()) {
    fprintf(stderr, "no score region is called '%s'\n", name.c_str());
    abort();
  }
  // Slopes are 2^(-8 (h + 1) / heads).
  if (size_t at = body.find("RATE"); at != std::string::npos)
    body.replace(at, 4, std::to_string(8.0 / heads));
  return " score {\n    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):" +
         body + "\n    } ";
}

void attn::test::addScoreRegion(std::string &module, const std::string &name,
                                int64_t heads) {
  size_t op = module.find("attn.attend");
  size_t type = module.find("} : (", op);
  if (op == std::string::npos || type == std::string::npos) {
    fprintf(stderr, "no attn.attend to extend in:\n%s\n", module.c_str());
    abort();
  }
  module.insert(type + 1, scoreRegion(name, heads));
}
