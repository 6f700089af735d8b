// Decisions as rows of names and values: of a run folder's log, or of a loop that runs. What two runs are
// compared by, and what a replay counts. Texts are numbers of one pool, so that rows are small and compared
// without looking at letters.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/stop.h"
#include "mml/sinks.h"
#include "testbed/decision_text.h"

namespace looptwin::testbed {

class TextPool {
 public:
  TextPool() { number(""); }
  uint32_t number(std::string_view text);
  const std::string& text(uint32_t number) const { return *texts_[number]; }

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<const std::string*> texts_;
};

struct DecisionRow {
  Time at;
  uint32_t kind = 0, subject = 0, device = 0, quantity = 0, unit = 0;  ///< numbers of texts
  int32_t occurrence = 0;
  double value = 0;  ///< in its unit
  uint64_t id = 0, cause = 0;
};
using DecisionRows = std::vector<DecisionRow>;

/// Of a run folder, with at in (after, until]. `stop` ends the reading early.
Result<DecisionRows> read_decisions(const std::filesystem::path& run, TextPool& pool, Time after = kLongAgo,
                                    Time until = kNever, const StopAsked& stop = {});

/// Gathers what a loop decides; told of its assembly once that stands.
class DecisionRowSink final : public mml::DecisionSink {
 public:
  explicit DecisionRowSink(TextPool& pool) : pool_(pool) {}
  void describe(std::unique_ptr<DecisionText> text, const twin::Registry& registry);
  bool decided(Time boundary, std::span<const mml::Record> records) override;
  const DecisionRows& rows() const { return rows_; }
  DecisionRows take() { return std::move(rows_); }

 private:
  TextPool& pool_;
  std::unique_ptr<DecisionText> text_;
  const twin::Registry* registry_ = nullptr;
  DecisionRows rows_;
};

}  // namespace looptwin::testbed
