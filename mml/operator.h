// The people at the loop: what each may do, and the inputs that they have given. An input is a column like a
// reported value: expressions read it by its name. Serial, before anything is evaluated.
#pragma once

#include <map>
#include <queue>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/dirty.h"
#include "mml/people.h"
#include "mml/records.h"
#include "twin/operator_action.h"
#include "twin/tables.h"

namespace looptwin::mml {

/// An input wired into tables.
struct Input {
  InputConfig config;
  TableId table;
  ColumnId column;
  /// Of an input that is one for all: the same value in each model's table, so that its devices' expressions
  /// read it under its name.
  std::vector<std::pair<TableId, ColumnId>> copies;
};

/// Adds the input's column to the schema, and its copies to `tables`.
void add_columns(lang::Schema& schema, Input& input, const std::vector<TableId>& copies);

/// Why an action was refused: `quantity` of the record that says so.
enum class Refusal : uint16_t {
  role,   ///< the person does not have the role
  range,  ///< the value is outside of what the input can be
};
const char* name_of(Refusal refusal);

struct OperatorCounters {
  uint64_t actions = 0, refused = 0, expired = 0;
};

class Operator {
 public:
  Operator(std::vector<PersonConfig> people, std::vector<Input> inputs, twin::Tables& tables);

  const std::vector<PersonConfig>& people() const { return people_; }
  const std::vector<Input>& inputs() const { return inputs_; }
  /// Whether the person has the role; everybody has the empty one.
  bool may(uint16_t person, const std::string& role) const;

  /// After all columns are allocated. `fresh`: inputs get their defaults.
  void bind(bool fresh);
  /// What is over by now: buttons come up, inputs fall back to their defaults.
  void step(Time now, Dirty& dirty, std::vector<Record>& log);
  /// `set` or `press`.
  void act(const twin::OperatorAction& action, Time now, Dirty& dirty, std::vector<Record>& log);
  /// An action of any kind was taken in; `refused` for whatever reason.
  void count(bool refused);

  const OperatorCounters& counters() const { return counters_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  using Place = std::pair<uint16_t, uint32_t>;  ///< input, row
  struct Expiry {
    Time at;
    uint16_t input = 0;
    uint32_t row = 0;
    friend bool operator<(const Expiry& a, const Expiry& b) {
      return std::tuple(a.at, a.input, a.row) > std::tuple(b.at, b.input, b.row);
    }
  };
  bool fits(const Input& input, double value) const;
  void put(const Input& input, uint32_t row, double value, Dirty* dirty);
  Record record(RecordKind kind, uint16_t input, uint32_t row, double value, Time now) const;

  std::vector<PersonConfig> people_;
  std::vector<Input> inputs_;
  twin::Tables& tables_;
  std::vector<Place> pressed_;          ///< at the boundary before
  std::map<Place, Time> until_;         ///< of inputs that will fall back
  std::priority_queue<Expiry> agenda_;  ///< entries that until_ does not bear out are void
  OperatorCounters counters_;
};

}  // namespace looptwin::mml
