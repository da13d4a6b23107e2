//===- Meetings.h - Which columns a score multiplies ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_MEETINGS_H
#define ATTN_CONVERSION_MEETINGS_H

#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <cstdint>

namespace attn {

/// Columns of the query that meet as many of the keys; where either distance is
/// not 0, those so much further meet the same of the other side as well.
struct Meeting {
  int64_t query, key, count;
  int64_t queryRest = 0, keyRest = 0;

  int64_t parts() const { return queryRest || keyRest ? 2 : 1; }
};

/// All of them, those of a rest first: what `tile.dot` says of a query and keys
/// of so many columns, of which the wider has a rest.
inline llvm::SmallVector<Meeting, 2> getMeetings(int64_t queryColumns,
                                                 int64_t keyColumns) {
  int64_t queryRest = std::max<int64_t>(queryColumns - keyColumns, 0);
  int64_t keyRest = std::max<int64_t>(keyColumns - queryColumns, 0);
  int64_t rest = queryRest + keyRest;
  int64_t width = std::min(queryColumns, keyColumns);
  llvm::SmallVector<Meeting, 2> meetings;
  if (rest)
    meetings.push_back({0, 0, rest, queryRest, keyRest});
  if (width > rest)
    meetings.push_back({rest + queryRest, rest + keyRest, width - rest});
  return meetings;
}

} // namespace attn

#endif // ATTN_CONVERSION_MEETINGS_H
