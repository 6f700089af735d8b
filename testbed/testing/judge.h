// Whether what was expected has happened: expectations held against the decisions of a run.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "lang/units.h"
#include "mml/sinks.h"
#include "testbed/assembly.h"
#include "testbed/testing/test_config.h"

namespace looptwin::testbed {

/// All decisions of a run, in order.
class DecisionLog final : public mml::DecisionSink {
 public:
  bool decided(Time, std::span<const mml::Record> records) override {
    records_.insert(records_.end(), records.begin(), records.end());
    return true;
  }
  std::span<const mml::Record> records() const { return records_; }
  void clear() { records_.clear(); }

 private:
  std::vector<mml::Record> records_;
};

/// What a record is about, by its name: "alarm overload".
struct Subject {
  ExpectConfig::Of of = ExpectConfig::Of::event;
  std::string name;
  auto operator<=>(const Subject&) const = default;
};

/// An expectation that was not met.
struct Unmet {
  const ExpectConfig* expect = nullptr;
  Span span;
  std::string what;  ///< in one sentence: "alarm overload on block-1 was not raised at 3 min"
  // Where to look for the reason: at this boundary, on this device, for what did not happen, or what did.
  Time at;
  twin::DeviceRef device;
  bool happened = false;
};

class Judge {
 public:
  /// Names devices and values of the expectations; problems where they fit nothing.
  static Result<Judge> make(Assembly& assembly, const TestConfig& test);

  std::vector<Unmet> unmet(std::span<const mml::Record> records) const;
  /// Everything that has happened: for tests that say "never".
  std::set<Subject> happened(std::span<const mml::Record> records) const;

 private:
  struct Expected {
    const ExpectConfig* config;
    std::vector<twin::DeviceRef> devices;  ///< that the pattern matches; all where there is none
    bool any = false;                      ///< one of them will do
    std::optional<double> value;
  };
  explicit Judge(Assembly& assembly) : assembly_(&assembly) {}
  Result<Expected> expected(const ExpectConfig& config) const;
  std::vector<twin::DeviceRef> candidates(const ExpectConfig& config) const;
  Result<double> value_of(const ExpectConfig& config, const std::vector<twin::DeviceRef>& devices) const;
  bool is_about(const mml::Record& record, const Expected& expected) const;
  std::string name_of(const mml::Record& record, ExpectConfig::Of of) const;
  void check_moments(const Expected& expected, std::span<const mml::Record> about,
                     std::vector<Unmet>& out) const;
  void check_count(const Expected& expected, std::span<const mml::Record> about,
                   std::vector<Unmet>& out) const;

  Assembly* assembly_;
  std::vector<Expected> expected_;
};

}  // namespace looptwin::testbed
