// An island's devices: what arrives acts, and controllers run.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "lang/stateful.h"
#include "sim/island.h"
#include "sim/sensor.h"

namespace looptwin::sim {
namespace {

/// What a link's draws for a command and its answer count by: each time that it is sent is a message of its
/// own.
uint64_t counter_of(const twin::Command& command) {
  return command.id + command.attempt * uint64_t{0x9E3779B97F4A7C15};
}

}  // namespace

void Island::deliver(Time now, std::span<const twin::Command> commands) {
  for (const auto& command : commands) {
    const size_t row = command.device.row.index();
    LT_CHECK(command.device.table == shard_.table && row >= shard_.first && row < shard_.first + shard_.rows,
             "a command for another shard");
    auto& slice = slices_[slice_of(row)];
    const auto passage = link_of(row).command(model_.keys[row], counter_of(command));
    counters_.sent += 1;
    counters_.reordered += passage.reordered;
    if (passage.lost || connected(slice, row, now) != now ||
        lost_in_fault(slice, row, now, Direction::down, command.id ^ static_cast<uint64_t>(now.ns))) {
      ++counters_.lost;
      continue;
    }
    const auto put = [&](int64_t delay) {
      // What is sent at a boundary arrives after it.
      const Time arrival{now.ns + std::max<int64_t>(1, delay)};
      slice.inbox.push_back({arrival, command});
      slice.arrival = std::min(slice.arrival, arrival);
    };
    put(passage.delay);
    if (passage.duplicate < 0) continue;
    ++counters_.duplicated;
    put(passage.duplicate);
  }
}

void Island::act(Slice& slice, int64_t g) {
  const Time now = time(g);
  auto& inbox = slice.inbox;
  std::sort(inbox.begin(), inbox.end(), [](const Pending& a, const Pending& b) {
    return a.arrival != b.arrival ? a.arrival < b.arrival : a.command.id < b.command.id;
  });
  size_t due = 0;
  for (; due < inbox.size() && inbox[due].arrival <= now; ++due) {
    const auto& pending = inbox[due];
    ++counters_.delivered;
    const size_t row = pending.command.device.row.index() - slice.first;
    if (const auto* known = slice.remembered.find(row, pending.command.id)) {
      acknowledge(slice, pending, known->outcome, known->applied);
      continue;
    }
    const auto outcome = decide(slice, pending, g);
    slice.remembered.add(row, slice.rows, {pending.command.id, now, outcome, 1});
    acknowledge(slice, pending, outcome, now);
  }
  inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(due));
  slice.arrival = inbox.empty() ? kNever : inbox.front().arrival;
}

twin::Outcome Island::decide(Slice& slice, const Pending& pending, int64_t g) {
  const auto& command = pending.command;
  const size_t row = command.device.row.index();
  if (time(g) > command.expires) return twin::Outcome::expired;
  if (command.kind == twin::Command::Kind::command) {
    if (command.index >= model_.commands.size()) return twin::Outcome::unknown_command;
    model_.command[command.index][row] = 1;
    slice.commanded = true;
    return twin::Outcome::accepted;
  }
  if (command.index >= model_.setpoints.size()) return twin::Outcome::unknown_command;
  const auto& setpoint = model_.setpoints[command.index];
  if (!setpoint.accepts(command.value)) return twin::Outcome::refused_range;
  const bool override = command.may_refuse && setpoint.local && model_.refuses;
  if (override && refuses(slice, row, g)) return twin::Outcome::refused_local;
  setpoint.set(row, command.value);
  if (model_.refuses) {
    auto& holder = override_of(command.index, row);
    slice.overridden += (override ? 1 : 0) - (holder != 0 ? 1 : 0);
    holder = override ? command.id : 0;
  }
  return twin::Outcome::accepted;
}

/// The resident's word on an override, by what the device measures now.
bool Island::refuses(const Slice& slice, size_t row, int64_t g) {
  const double* values = uniforms_.at(g);
  uint8_t missing;
  for (size_t f = 0; f < model_.sensors.size(); ++f)
    if (model_.sensors[f].seen) read_sensor(model_, f, g, values, row, 1, spells_of(slice, row), &missing);
  model_.refuses->program.run(model_.instant(g, values, *model_.refuses), row, 1);
  return model_.refusal[row] == 1;
}

/// The acknowledgement leaves when the message has arrived, or when the link is back; it cannot be received
/// before the device has decided.
void Island::acknowledge(const Slice& slice, const Pending& pending, twin::Outcome outcome, Time applied) {
  const auto& command = pending.command;
  const size_t row = command.device.row.index();
  const Time leaves = connected(slice, row, pending.arrival);
  const auto passage = link_of(row).acknowledgement(model_.keys[row], counter_of(command));
  ++counters_.sent;
  counters_.reordered += passage.reordered;
  if (passage.lost || leaves == kNever ||
      lost_in_fault(slice, row, leaves, Direction::acknowledgement,
                    command.id ^ static_cast<uint64_t>(leaves.ns))) {
    ++counters_.lost;
    return;
  }
  const auto put = [&](int64_t delay) {
    const Time received = std::max(leaves + Duration{delay}, std::max(applied, time(slice.at)));
    if (lost_with_session(slice, row, leaves, received)) {
      ++counters_.lost;
      return;
    }
    const Time dated = applied + Duration{model_.clock_error(row, applied)};
    acknowledgements_.push_back({command.id, command.device, outcome, dated, received});
  };
  put(passage.delay);
  if (passage.duplicate < 0) return;
  ++counters_.duplicated;
  put(passage.duplicate);
}

void Island::control(Slice& slice, int64_t g) {
  const Time now = time(g);
  const double* values = uniforms_.at(g);
  std::array<uint8_t, kSliceRows> missing;
  for (size_t f = 0; f < model_.sensors.size(); ++f) {
    if (!model_.sensors[f].seen) continue;
    ask_ahead(kColumnsAhead);
    powered(slice, slice.first, slice.rows, now, [&](size_t first, size_t count) {
      read_sensor(model_, f, g, values, first, count, slice.spells, missing.data());
    });
  }
  slice.read = sound(slice) ? g : -1;
  if (model_.refuses) give_way(slice, g);
  run_controller(slice, g);
  if (slice.commanded) {
    for (auto* column : model_.command) std::memset(column + slice.first, 0, slice.rows);
    slice.commanded = false;
  }
}

/// An override ends when the resident refuses it: the device returns to its default and says so.
void Island::give_way(Slice& slice, int64_t g) {
  const auto& refuses = *model_.refuses;
  if (slice.overridden == 0 && refuses.program.state_columns().empty()) return;
  const Time now = time(g);
  unpowered(slice, now, [&](size_t row) {
    refuses.program.pause({lang::Pause::Of::device, now, model_.period}, row, 1);
  });
  powered(slice, slice.first, slice.rows, now, [&](size_t first, size_t count) {
    refuses.program.run(model_.instant(g, uniforms_.at(g), refuses), first, count);
    for (size_t s = 0; s < model_.setpoints.size() && slice.overridden > 0; ++s) {
      if (!model_.setpoints[s].local) continue;
      for (size_t row = first; row < first + count; ++row) {
        auto& holder = override_of(s, row);
        if (holder == 0 || model_.refusal[row] != 1) continue;
        model_.setpoints[s].set(row, model_.setpoints[s].initial);
        Pending pending{now, {.id = holder, .device = {model_.table, Row(row)}}};
        acknowledge(slice, pending, twin::Outcome::refused_local, now);
        holder = 0;
        --slice.overridden;
      }
    }
  });
}

/// Rows without power stand still, as if no time passed; a stuck signal keeps its value, and moves on from
/// it.
void Island::run_controller(Slice& slice, int64_t g) {
  const Time now = time(g);
  if (!slice.before.empty()) give_power(slice, now);
  const auto run = [&](size_t first, size_t count) {
    if (model_.controller_code) return run_code(*model_.controller_code, g, model_.period, first, count);
    model_.controller->program.run(model_.instant(g, uniforms_.at(g), *model_.controller), first, count);
  };
  if (slice.spells.empty()) return run(slice.first, slice.rows);

  const auto each_stuck = [&](auto&& f) {
    size_t k = 0;
    for (const auto& s : slice.spells)
      if (s.kind == FaultKind::actuator_stuck && s.at(now)) f(k++, model_.signals[s.target].cell(s.row));
  };
  kept_.clear();
  each_stuck([&](size_t, std::span<std::byte> cell) {
    std::memcpy(&kept_.emplace_back(), cell.data(), cell.size());
  });
  powered(slice, slice.first, slice.rows, now, run);
  each_stuck([&](size_t k, std::span<std::byte> cell) { std::memcpy(cell.data(), &kept_[k], cell.size()); });
  if (!model_.controller) return;
  const auto& program = model_.controller->program;
  unpowered(slice, now, [&](size_t row) {
    program.pause({lang::Pause::Of::device, now, model_.period}, row, 1);
  });
  for (const auto& s : slice.spells)
    if (s.kind == FaultKind::actuator_stuck && s.at(now) && !is_off(slice, s.row, now))
      program.go_on_from(model_.signals[s.target].column, s.row);
}

/// After a failure no more is asked: the run ends with the boundary under way.
void Island::run_code(const CodeUse& use, int64_t g, Duration dt, size_t first, size_t count) {
  if (failed_) return;
  const auto instant = model_.instant(g, uniforms_.at(g), use.first_uniform, use.reads.uniforms().size());
  if (auto failure = use.run(instant, dt, first, count))
    failed_ = FailedCode{&use, std::move(*failure), time(g), first, count};
}

/// Without power all signals are 0; machines keep their states. What signals were is kept for the controller.
void Island::cut_power(Slice& slice, int64_t g) {
  for (const auto& s : slice.spells) {
    if (!cuts_power(s.kind) || !s.at(time(g))) continue;
    const bool keeps = before_of(slice, s.row).empty();
    auto end = std::upper_bound(slice.before.begin(), slice.before.end(), s.row,
                                [](size_t row, const Before& b) { return row < b.row; });
    for (size_t i = 0; i < model_.signals.size(); ++i) {
      if (model_.signals[i].initial) continue;
      const auto cell = model_.signals[i].cell(s.row);
      Before before{s.row, static_cast<uint32_t>(i)};
      std::memcpy(&before.value, cell.data(), cell.size());
      if (keeps) end = slice.before.insert(end, before) + 1;
      std::memset(cell.data(), 0, cell.size());
    }
  }
}

std::span<Island::Before> Island::before_of(Slice& slice, size_t row) {
  const auto begin = std::lower_bound(slice.before.begin(), slice.before.end(), row,
                                      [](const Before& b, size_t r) { return b.row < r; });
  const auto end =
      std::upper_bound(begin, slice.before.end(), row, [](size_t r, const Before& b) { return r < b.row; });
  return {begin, end};
}

/// Controllers that run again find their signals as they were, so that what reads its own last value goes on
/// from it. Until then all others see 0.
void Island::give_power(Slice& slice, Time now) {
  std::erase_if(slice.before, [&](const Before& before) {
    if (is_off(slice, before.row, now)) return false;
    const auto cell = model_.signals[before.signal].cell(before.row);
    std::memcpy(cell.data(), &before.value, cell.size());
    return true;
  });
}

}  // namespace looptwin::sim
