#include "hil/resent.h"

#include "base/hash.h"

namespace looptwin::hil {

bool Resent::again(size_t row, const Samples& samples) {
  if (!samples.sequence || samples.unix_seconds) return false;
  std::string said;
  const auto put = [&](const auto& value) {
    said.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  put(*samples.sequence);
  for (const auto& [field, raw] : samples.values) {
    put(field);
    put(raw);
  }
  const uint64_t hash = hash64(said) | 1;  // never that of nothing
  uint64_t& known = last_[row][*samples.sequence % kRemembered];
  if (known == hash) return true;
  known = hash;
  return false;
}

}  // namespace looptwin::hil
