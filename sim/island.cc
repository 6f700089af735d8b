#include "sim/island.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "base/prefetch.h"
#include "sim/sensor.h"

namespace looptwin::sim {
namespace {

/// At most so many steps are taken before states are looked at: what has become infinite or NaN stays so.
constexpr int64_t kStepsUnseen = 16;

/// One addition carries an exponent that is all ones, of an infinity or NaN, into the sign.
bool all_finite(const double* values, size_t count) {
  constexpr uint64_t kExponent = 0x7ff0'0000'0000'0000, kCarry = 0x0010'0000'0000'0000;
  uint64_t carried = 0;
  for (size_t i = 0; i < count; ++i) carried |= (std::bit_cast<uint64_t>(values[i]) & kExponent) + kCarry;
  return carried >> 63 == 0;
}

}  // namespace

Island::Island(const DeviceModel& model, const twin::Shard& shard, const Uniforms& uniforms,
               std::vector<LinkRun> links, std::span<const FaultSource> sources, Duration cycle,
               uint64_t seed)
    : model_(model),
      shard_(shard),
      uniforms_(uniforms),
      links_(std::move(links)),
      firsts_(cut(model, shard, cycle)),
      disturbances_(sources, model.keys),
      in_flight_(model.reports.size(), cycle),
      loss_streams_{Draws(seed, "fault.loss.telemetry"), Draws(seed, "fault.loss.command"),
                    Draws(seed, "fault.loss.acknowledgement")} {
  for (size_t i = 0; i < firsts_.size(); ++i) {
    Slice slice;
    slice.first = firsts_[i];
    slice.rows = (i + 1 < firsts_.size() ? firsts_[i + 1] : shard.first + shard.rows) - slice.first;
    LT_CHECK(slice.rows <= kSliceRows);
    // Slices that nobody looks at catch up at different times, so that no cycle has all the work.
    slice.lag = kLongestLag - static_cast<int64_t>(i * 61 % 512);
    slice.wake = kNever;
    for (const auto& report : model.reports) {
      slice.next.push_back(report.silent ? kNever : next_sample(report, slice.first, slice.rows, kStart));
      slice.wake = std::min(slice.wake, slice.next.back());
    }
    slices_.push_back(std::move(slice));
  }
  for (size_t g = 0; g < model.reports.size(); ++g) {
    sequence_.emplace_back(shard.rows);
    in_flight_.set_fields(g, model.reports[g].group.fields.size());
  }
  if (model.refuses) overrides_.resize(model.setpoints.size() * shard.rows);
}

void Island::start(const double* uniforms) {
  if (model_.initial)
    model_.initial->program.run(model_.instant(0, uniforms, *model_.initial), shard_.first, shard_.rows);
  if (model_.plant) model_.plant->start(shard_.first, shard_.rows);
  if (model_.controller) model_.controller->program.reset(shard_.first, shard_.rows);
  if (model_.controller_code) model_.controller_code->reset(shard_.first, shard_.rows);
  if (model_.refuses) model_.refuses->program.reset(shard_.first, shard_.rows);
}

void Island::advance(Time boundary, Arrivals& arrivals) {
  arrivals.frames.resize(model_.reports.size());
  for (size_t g = 0; g < arrivals.frames.size(); ++g) {
    auto& frame = arrivals.frames[g];
    frame.clear();
    frame.table = model_.table;
    frame.group = static_cast<uint16_t>(g);
    frame.value.resize(model_.reports[g].group.fields.size());
  }
  arrivals.acknowledgements.clear();
  arrivals.presence.clear();

  boundary_ = boundary;
  out_ = &arrivals;
  disturb(boundary);
  ring(boundary, arrivals);
  in_flight_.arrive(boundary, arrivals.frames);
  // While one slice is worked out the columns of the next are on their way.
  Slice* waiting = nullptr;
  for (auto& slice : slices_) {
    if (!must_move(slice, boundary)) continue;
    next_ = &slice;
    asked_ = 0;
    if (waiting != nullptr) catch_up(*waiting, boundary);
    ask_ahead(model_.extents.size());
    waiting = &slice;
  }
  next_ = nullptr;
  if (waiting != nullptr) catch_up(*waiting, boundary);
  hand_over(boundary, arrivals);
  out_ = nullptr;
}

/// Whether anything of the slice can be seen by `until`. A resident who ends an override speaks unasked, so a
/// slice with an override to end is never left behind.
bool Island::must_move(const Slice& slice, Time until) const {
  const int64_t last = grid(until);
  if (slice.overridden > 0 && last > slice.at) return true;
  return slice.wake <= until ||
         (slice.arrival != kNever && ceil_to(slice.arrival, model_.step) <= time(last)) ||
         last - slice.at >= slice.lag;
}

void Island::drive(Time until) {
  disturb(until);
  for (auto& slice : slices_) {
    catch_up(slice, until);
    if (!model_.driving || slice.at < 0) continue;
    show_outputs(slice);
    model_.driving->program.run(model_.instant(slice.at, uniforms_.at(slice.at), *model_.driving),
                                slice.first, slice.rows);
  }
}

/// What leaves by the boundary, ahead of advance(). Its messages are all too late for what was advanced last,
/// and so on their way.
void Island::work(Time boundary) {
  disturb(boundary);
  for (auto& slice : slices_)
    if (must_move(slice, boundary)) catch_up(slice, boundary);
}

void Island::settle(Time until) {
  LT_CHECK(until <= std::max(boundary_, kStart), "truth is asked of what has not been simulated");
  disturb(until);
  const auto settle_slice = [&](Slice& slice) {
    catch_up(slice, until);
    show_outputs(slice);
    for (const auto& sensor : model_.sensors) {
      if (!sensor.program || slice.at < 0) continue;
      sensor.program->program.run(model_.instant(slice.at, uniforms_.at(slice.at), *sensor.program),
                                  slice.first, slice.rows);
    }
  };
  // As in advance(): the next slice's columns are on their way.
  Slice* waiting = nullptr;
  for (auto& slice : slices_) {
    if (waiting != nullptr) {
      next_ = &slice;
      asked_ = 0;
      settle_slice(*waiting);
      ask_ahead(model_.extents.size());
    }
    waiting = &slice;
  }
  next_ = nullptr;
  if (waiting != nullptr) settle_slice(*waiting);
}

/// Asks for some more columns of the next slice: a few at a time, for memory answers only so many questions
/// at once.
void Island::ask_ahead(size_t columns) {
  if (next_ == nullptr) return;
  if (asked_ == 0)
    for (const auto& sequence : sequence_)
      prefetch(sequence.data() + (next_->first - shard_.first), next_->rows * sizeof(uint32_t));
  for (const size_t end = std::min(asked_ + columns, model_.extents.size()); asked_ < end; ++asked_) {
    const auto& extent = model_.extents[asked_];
    prefetch(extent.data + next_->first * extent.width, next_->rows * extent.width);
  }
}

void Island::catch_up(Slice& slice, Time until) {
  const int64_t last = grid(until);
  for (;;) {
    if (slice.at >= 0 && slice.wake <= until)
      take_samples(slice, std::min(until, Time{time(slice.at + 1).ns - 1}));
    if (slice.at >= last) break;
    step(slice, next_grid(slice, last));
    if (slice.at % kStepsUnseen == 0 || slice.at == last) look_for_divergence(slice);
  }
  // Uplinks ask for what was wrong since the last boundary.
  const Time now = has_uplinks() ? std::min(time(slice.at), boundary_) : time(slice.at);
  std::erase_if(slice.spells, [now](const Spell& s) { return s.to <= now; });
}

/// Where nothing changes by itself, only grid points count at which something is read or arrives.
int64_t Island::next_grid(const Slice& slice, int64_t last) const {
  if (!model_.idle() || slice.at < 0) return slice.at + 1;
  int64_t next = last;
  if (slice.wake != kNever) next = std::min(next, grid(slice.wake));
  if (slice.arrival != kNever) next = std::min(next, grid(ceil_to(slice.arrival, model_.step)));
  return std::max(next, slice.at + 1);
}

void Island::step(Slice& slice, int64_t g) {
  const Time now = time(g);
  if (model_.physics_code && g > 0) {
    show_outputs(slice);  // it may read them
    run_code(*model_.physics_code, g - 1, model_.step, slice.first, slice.rows);
    if (!model_.plant) counters_.steps += slice.rows;
  }
  if (model_.plant && g > 0) {
    const auto crowded = model_.plant->advance(plant_instant(g - 1), slice.first, slice.rows);
    if (crowded && !crowded_) crowded_ = Crowding{Row(crowded->row), crowded->event, time(g - 1)};
    counters_.steps += slice.rows;
    ask_ahead(kColumnsAhead);
  }
  if (!model_.random.empty()) draw_random(slice, g);
  if (model_.inputs)
    model_.inputs->program.run(model_.instant(g, uniforms_.at(g), *model_.inputs), slice.first, slice.rows);
  slice.at = g;
  if (!slice.spells.empty()) restart(slice, g);
  if (g == 0) show_outputs(slice);
  if (slice.arrival <= now) act(slice, g);
  if (model_.controls() && now.ns % model_.period.ns == 0) control(slice, g);
  ask_ahead(kColumnsAhead);
  if (!slice.spells.empty()) cut_power(slice, g);
  slice.shown = -1;
  if (model_.outputs_seen) show_outputs(slice);
}

void Island::look_for_divergence(const Slice& slice) {
  if (diverged_) return;
  for (size_t s = 0; s < model_.states.size(); ++s) {
    const double* const values = model_.states[s].value + slice.first;
    if (all_finite(values, slice.rows)) continue;
    const auto* const lost =
        std::find_if_not(values, values + slice.rows, [](double v) { return std::isfinite(v); });
    diverged_ = Divergence{Row(slice.first + static_cast<size_t>(lost - values)), s, time(slice.at)};
    return;
  }
}

/// Outputs follow from the grid point's states, inputs and signals, which stay as they are until the next.
void Island::show_outputs(Slice& slice) {
  if (!model_.plant || slice.at < 0 || slice.shown == slice.at) return;
  model_.plant->outputs(plant_instant(slice.at), slice.first, slice.rows);
  slice.shown = slice.at;
}

lang::Instant Island::plant_instant(int64_t g) const {
  return model_.instant(g, uniforms_.at(g), model_.plant_uniforms, model_.plant->uniforms().size());
}

void Island::draw_random(const Slice& slice, int64_t g) {
  const auto keys = model_.keys.subspan(slice.first, slice.rows);
  for (const auto& signal : model_.random) {
    const int64_t period = time(g).ns / signal.every.ns;
    if (g > 0 && period == time(g - 1).ns / signal.every.ns) continue;
    signal.stream.sample(signal.draw, keys, static_cast<uint64_t>(period), signal.value + slice.first);
  }
}

size_t Island::slice_of(size_t row) const {
  return static_cast<size_t>(std::upper_bound(firsts_.begin(), firsts_.end(), row) - firsts_.begin()) - 1;
}

FleetCounters Island::counters() const {
  auto c = counters_;
  c.outages = disturbances_.outages();
  c.faults = disturbances_.faults();
  return c;
}

}  // namespace looptwin::sim
