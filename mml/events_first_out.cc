// First-out: which event of a group came first, kept until all of them are over.
#include <algorithm>

#include "lang/machine.h"
#include "mml/events.h"

namespace looptwin::mml {

void add_columns(lang::Schema& schema, FirstOut& group, std::vector<Event>& events) {
  std::vector<std::string> words = {"none"};
  for (const size_t member : group.members) {
    Event& event = events[member];
    words.push_back(event.config.name);
    event.delay_over = schema.add_column(group.table, {"." + event.config.name + ".delay_over",
                                                       lang::Type::point_of(lang::kTimeDimension),
                                                       {},
                                                       lang::Storage::instant});
  }
  const auto type = lang::Type::enumeration_of(lang::enumeration_of(schema, group.name, words));
  group.column = schema.add_column(group.table, {group.name, type, {}, lang::Storage::code});
}

void Events::bind_first_outs(bool fresh) {
  groups_.clear();
  for (const FirstOut& config : first_outs_) {
    Group group{tables_.values<uint8_t>(config.table, config.column).data(), {}, {}, {}};
    for (const size_t member : config.members) {
      group.standing.push_back(bound_[member].standing);
      group.delay_over.push_back(bound_[member].delay_over);
    }
    for (const ColumnId held : config.held)
      group.held.push_back(tables_.values<uint8_t>(config.table, held).data());
    if (fresh) std::fill_n(group.first, tables_.rows(config.table), uint8_t{0});
    groups_.push_back(std::move(group));
  }
}

void Events::step_first_out(size_t index, Time now, size_t shard, size_t first, size_t count, Time* due) {
  const Group& group = groups_[index];
  const size_t members = group.standing.size();
  for (size_t row = first; row < first + count; ++row) {
    const auto holds = [&](const uint8_t* column) { return column[row] == 1; };
    const bool standing = std::any_of(group.standing.begin(), group.standing.end(), holds);
    const bool over = !standing && std::none_of(group.held.begin(), group.held.end(), holds);
    const uint8_t before = group.first[row];
    if (before == 0 ? !standing : !over) continue;
    // Nothing stood before: all that stands rose at this boundary.
    size_t earliest = members;
    for (size_t m = 0; m < members && !over; ++m) {
      if (group.standing[m][row] != 1) continue;
      if (earliest == members || group.delay_over[m][row] < group.delay_over[earliest][row]) earliest = m;
    }
    group.first[row] = over ? uint8_t{0} : static_cast<uint8_t>(earliest + 1);
    // previous() of it is another at the next boundary.
    due[row / twin::kGroupRows] = std::min(due[row / twin::kGroupRows], now + nanoseconds(1));
    if (over) continue;
    const size_t event = first_outs_[index].members[earliest];
    changes_[shard].push_back({static_cast<uint32_t>(event), static_cast<uint32_t>(row),
                               bound_[event].occurrence[row], RecordKind::first_out});
  }
}

}  // namespace looptwin::mml
