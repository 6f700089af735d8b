#include "testbed/sequence/hop_times.h"

#include <algorithm>
#include <bit>

namespace looptwin::testbed {

void Histogram::add(Duration one) {
  const auto us = static_cast<uint64_t>(std::max<int64_t>(one.ns - 1, 0)) / 1000;
  counts[std::min<size_t>(static_cast<size_t>(std::bit_width(us)), kBuckets - 1)]++;
  least = all == 0 ? one : std::min(least, one);
  worst = all == 0 ? one : std::max(worst, one);
  ++all;
}

void Histogram::add(const Histogram& other) {
  if (other.all == 0) return;
  for (size_t k = 0; k < kBuckets; ++k) counts[k] += other.counts[k];
  least = all == 0 ? other.least : std::min(least, other.least);
  worst = all == 0 ? other.worst : std::max(worst, other.worst);
  all += other.all;
}

Duration Histogram::quantile(double share) const {
  uint64_t so_far = 0;
  for (size_t k = 0; k + 1 < kBuckets; ++k) {
    so_far += counts[k];
    if (static_cast<double>(so_far) >= share * static_cast<double>(all))
      return std::min(microseconds(int64_t{1} << k), worst);
  }
  return worst;
}

const char* name_of(Hop hop) {
  static constexpr const char* kNames[] = {"device to arrival", "arrival to cycle", "cycle to sent",
                                           "sent to answer"};
  return kNames[static_cast<size_t>(hop)];
}

}  // namespace looptwin::testbed
