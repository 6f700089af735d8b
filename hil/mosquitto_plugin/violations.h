// What was refused, gathered for a second before it is told: somebody who tries a thousand times a second is
// one message with a number, and the number is right.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "hil/broker_access.h"

namespace looptwin::hil {

class Violations {
 public:
  struct Line {
    Violation kind = Violation::publish;
    std::string name;     ///< of the device; of one that is unknown what it says of itself
    std::string client;   ///< its client id
    std::string address;  ///< where from, if that is known
    std::string topic;    ///< of the first
    uint64_t count = 0;
  };
  void add(Violation kind, std::string_view name, std::string_view client, std::string_view address,
           std::string_view topic);
  /// All since the last time.
  std::vector<Line> take();

 private:
  std::map<std::tuple<Violation, std::string, std::string>, Line> lines_;
};

}  // namespace looptwin::hil
