#include "sim/plants/line.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace looptwin::sim {

namespace {

/// Seconds that were drawn, as nanoseconds from 0 to a third of what a Time can hold.
int64_t nanoseconds(double seconds) { return std::llround(std::clamp(seconds, 0.0, 3e9) * 1e9); }

/// How long work takes at a speed; at least what is left of it when it is done in a moment.
int64_t wall_time(int64_t left, double speed) {
  return std::llround(std::min(static_cast<double>(left) / speed, 3e18));
}

/// How much of it was done.
int64_t done_since(int64_t since, int64_t now, double speed) {
  return std::llround(static_cast<double>(now - since) * speed);
}

void leave(std::deque<uint32_t>& queue, uint32_t who) { std::erase(queue, who); }

}  // namespace

void ProductionLine::begin() {
  for (uint32_t s = 0; s < sources_.size(); ++s) {
    Source& source = sources_[s];
    source.left = nanoseconds(source.draws.sample(*source.config.every, source.device, source.drawn++));
    pace(s);
  }
  for (uint32_t m = 0; m < machines_.size(); ++m) {
    Machine& machine = machines_[m];
    const Station& station = stations_[machine.station];
    if (station.config.fails_every)
      machine.failure_left =
          nanoseconds(station.failure.sample(*station.config.fails_every, machine.device, 0));
    seek(m);
  }
  write_outputs();
}

void ProductionLine::advance(Time to) {
  read_inputs();
  kernel_.run_until(to);
  write_outputs();
}

void ProductionLine::step(Kernel&, const Step& step) {
  const auto who = step.payload<uint32_t>();
  if (step.type() == progress_)
    progress(who);
  else if (step.type() == arrival_)
    arrive(who);
  else if (step.type() == repair_)
    repaired(who);
  else
    offer_part(who);
}

// ---- Sources

void ProductionLine::pace(uint32_t s) {
  Source& source = sources_[s];
  source.since = now();
  if (source.rate > 0 && source.waiting == 0)
    source.next = kernel_.schedule(*this, Time{now() + wall_time(source.left, source.rate)}, arrival_, s);
}

void ProductionLine::hold(Source& source) {
  if (!kernel_.cancel(source.next)) return;
  source.left = std::max<int64_t>(0, source.left - done_since(source.since, now(), source.rate));
}

void ProductionLine::arrive(uint32_t s) {
  Source& source = sources_[s];
  if (!has_place(source.to) && !source.config.loses) {
    source.waiting = 1;
    buffers_[source.to].givers.push_back(static_cast<uint32_t>(machines_.size()) + s);
    return;
  }
  source.waiting = 0;
  source.left = nanoseconds(source.draws.sample(*source.config.every, source.device, source.drawn++));
  pace(s);
  if (!has_place(source.to)) {
    ++source.lost;
    return;
  }
  ++source.made;
  ++entered_;
  put(source.to, {.entered = now()});
}

// ---- Machines

void ProductionLine::set(Machine& machine, State state) {
  Station& station = stations_[machine.station];
  const int64_t passed = now() - station.since;
  for (size_t i = 0; i < kStates; ++i) station.time[i] += static_cast<int64_t>(station.number[i]) * passed;
  station.since = now();
  --station.number[static_cast<size_t>(machine.state)];
  ++station.number[static_cast<size_t>(state)];
  machine.state = state;
}

void ProductionLine::seek(uint32_t m) {
  Machine& machine = machines_[m];
  Station& station = stations_[machine.station];
  if (!station.begins()) return set(machine, State::stopped);
  if (station.from != kNowhere && !has_part(station.from)) {
    buffers_[station.from].takers.push_back(m);
    set(machine, State::starved);
    if (buffers_[station.from].capacity == 0) offer_place(station.from);
    return;
  }
  if (station.config.blocking == LineBlocking::before_service && station.to != kNowhere) {
    if (!has_place(station.to)) {
      buffers_[station.to].givers.push_back(m);
      return set(machine, State::blocked);
    }
    ++buffers_[station.to].promised;
    machine.promised = 1;
  }
  machine.has_part = 1;
  machine.rejected = 0;
  if (station.from == kNowhere) {
    machine.part = {.entered = now()};
    ++entered_;
    begin_work(m);
  } else {
    machine.part = take(station.from);
    begin_work(m);
    offer_place(station.from);
  }
}

void ProductionLine::begin_work(uint32_t m) {
  Machine& machine = machines_[m];
  const Station& station = stations_[machine.station];
  const uint64_t part = machine.parts++;
  machine.work_left = nanoseconds(station.work.sample(*station.config.takes, machine.device, part));
  if (station.config.fails > 0 && station.begins_to_fail.uniform(machine.device, part) < station.config.fails)
    machine.failure_left = -1;  // before any work; a tie of work and failure is for the work
  go_on(m);
}

/// Works on, from now, at the station's speed, until the part is done or the machine fails.
void ProductionLine::go_on(uint32_t m) {
  Machine& machine = machines_[m];
  const Station& station = stations_[machine.station];
  machine.since = now();
  if (!station.moves()) return set(machine, State::stopped);
  set(machine, State::working);
  const int64_t left = std::max<int64_t>(0, std::min(machine.work_left, machine.failure_left));
  machine.next = kernel_.schedule(*this, Time{now() + wall_time(left, station.speed)}, progress_, m);
}

/// Takes down how far the work is; the machine stands until go_on.
void ProductionLine::hold(Machine& machine) {
  if (!kernel_.cancel(machine.next)) return;
  const int64_t done = done_since(machine.since, now(), stations_[machine.station].speed);
  machine.work_left = std::max<int64_t>(0, machine.work_left - done);
  if (machine.failure_left != kNoLimit && machine.failure_left >= 0)
    machine.failure_left = std::max<int64_t>(0, machine.failure_left - done);
}

void ProductionLine::progress(uint32_t m) {
  Machine& machine = machines_[m];
  const Station& station = stations_[machine.station];
  if (machine.failure_left >= machine.work_left) {
    if (machine.failure_left != kNoLimit) machine.failure_left -= machine.work_left;
    machine.work_left = 0;
    judge(m);
    return give(m);
  }
  machine.work_left -= std::max<int64_t>(0, machine.failure_left);
  set(machine, State::down);
  const double lasts = station.repair.sample(*station.config.repair, machine.device, machine.failures++);
  machine.next = kernel_.schedule(*this, Time{now() + nanoseconds(lasts)}, repair_, m);
}

void ProductionLine::repaired(uint32_t m) {
  Machine& machine = machines_[m];
  const Station& station = stations_[machine.station];
  machine.failure_left =
      station.config.fails_every
          ? nanoseconds(station.failure.sample(*station.config.fails_every, machine.device, machine.failures))
          : kNoLimit;
  go_on(m);
}

/// A part that is done: whether it has become defective, and whether it is rejected.
void ProductionLine::judge(uint32_t m) {
  Machine& machine = machines_[m];
  Station& station = stations_[machine.station];
  const uint64_t part = machine.parts - 1;
  if (station.config.spoils > 0 && station.spoils.uniform(machine.device, part) < station.config.spoils)
    machine.part.defective = 1;
  if (station.config.inspects) {
    const auto& eye = *station.config.inspects;
    const double rejects = machine.part.defective != 0 ? 1 - eye.false_accept : eye.false_reject;
    machine.rejected = station.inspects.uniform(machine.device, part) < rejects;
  }
  ++(machine.rejected != 0 ? station.rejected : station.made);
}

/// Gives its part away, or waits until it can.
void ProductionLine::give(uint32_t m) {
  Machine& machine = machines_[m];
  const Station& station = stations_[machine.station];
  const uint32_t to = machine.rejected != 0 ? station.rejects : station.to;
  // A promise of a place is kept; one of a machine that waits ends when it waits no more.
  const bool keeps_promise =
      machine.promised != 0 && machine.rejected == 0 && buffers_[station.to].capacity > 0;
  const bool frees = machine.promised != 0 && !keeps_promise;
  if (std::exchange(machine.promised, 0) != 0) --buffers_[station.to].promised;
  if (to != kNowhere && !keeps_promise && !has_place(to)) {
    buffers_[to].givers.push_back(m);
    set(machine, State::blocked);
    if (frees) offer_place(station.to);
    return;
  }
  machine.has_part = 0;
  if (to == kNowhere)
    leave_line(machine);
  else
    put(to, machine.part);
  if (frees) offer_place(station.to);
  seek(m);
}

void ProductionLine::leave_line(const Machine& machine) {
  if (machine.rejected != 0) {
    ++scrapped_;
    scrapped_good_ += machine.part.defective == 0;
    return;
  }
  ++delivered_;
  delivered_defective_ += machine.part.defective;
  lead_time_ += now() - machine.part.entered;
}

// ---- Buffers

bool ProductionLine::has_part(uint32_t b) const {
  const auto& parts = buffers_[b].parts;
  return !parts.empty() && parts.front().ready <= now();
}

bool ProductionLine::has_place(uint32_t b) const {
  const Buffer& buffer = buffers_[b];
  // One without places hands over to whoever waits.
  const uint64_t places = buffer.capacity == 0 ? buffer.takers.size() : buffer.capacity;
  return buffer.parts.size() + buffer.promised < places;
}

void ProductionLine::count_level(Buffer& buffer, int64_t now) {
  buffer.level_time += static_cast<int64_t>(buffer.parts.size()) * (now - buffer.since);
  buffer.since = now;
}

ProductionLine::Part ProductionLine::take(uint32_t b) {
  Buffer& buffer = buffers_[b];
  count_level(buffer, now());
  const Part part = buffer.parts.front();
  buffer.parts.pop_front();
  return part;
}

void ProductionLine::put(uint32_t b, Part part) {
  Buffer& buffer = buffers_[b];
  count_level(buffer, now());
  part.ready = now() + buffer.travel;
  buffer.parts.push_back(part);
  ++buffer.entered;
  if (buffer.travel > 0)
    kernel_.schedule(*this, Time{part.ready}, ready_, b);
  else
    offer_part(b);
}

void ProductionLine::offer_place(uint32_t b) {
  Buffer& buffer = buffers_[b];
  while (has_place(b) && !buffer.givers.empty()) {
    const uint32_t who = buffer.givers.front();
    buffer.givers.pop_front();
    if (who >= machines_.size())
      arrive(who - static_cast<uint32_t>(machines_.size()));
    else if (machines_[who].has_part != 0)
      give(who);
    else
      seek(who);
  }
}

void ProductionLine::offer_part(uint32_t b) {
  Buffer& buffer = buffers_[b];
  while (has_part(b) && !buffer.takers.empty()) {
    const uint32_t who = buffer.takers.front();
    buffer.takers.pop_front();
    seek(who);
  }
}

// ---- Ports

void ProductionLine::read_inputs() {
  // In the order of their declaration: see declare().
  const double* value = values_.data();
  for (uint32_t s = 0; s < sources_.size(); ++s) {
    Source& source = sources_[s];
    const double rate = std::isfinite(value[0]) ? std::clamp(value[0], 0.0, 1000.0) : source.rate;
    if (rate != source.rate) {
      hold(source);
      source.rate = rate;
      pace(s);
    }
    value += kSourcePorts;
  }
  value += kBufferPorts * buffers_.size();
  for (Station& station : stations_) {
    read_inputs(station, value[0], value[1], value[2]);
    value += kStationPorts;
  }
}

void ProductionLine::read_inputs(Station& station, double running, double speed, double halted) {
  const auto on = [](double value, uint8_t before) {
    return std::isfinite(value) ? static_cast<uint8_t>(value > 0.5) : before;
  };
  const uint8_t runs = on(running, station.running), halts = on(halted, station.halted);
  const double pace = std::isfinite(speed) ? std::clamp(speed, 0.0, 1000.0) : station.speed;
  if (runs == station.running && halts == station.halted && pace == station.speed) return;
  const uint32_t end = station.first + static_cast<uint32_t>(station.config.machines);
  for (uint32_t m = station.first; m < end; ++m)
    if (machines_[m].state == State::working) hold(machines_[m]);
  station.running = runs;
  station.halted = halts;
  station.speed = pace;
  for (uint32_t m = station.first; m < end; ++m) {
    Machine& machine = machines_[m];
    if (machine.has_part != 0) {
      if (machine.state == State::working || machine.state == State::stopped) go_on(m);
    } else {
      // A free one stops, or seeks again, behind those that wait already.
      if (machine.state == State::starved) leave(buffers_[station.from].takers, m);
      if (machine.state == State::blocked) leave(buffers_[station.to].givers, m);
      seek(m);
    }
  }
}

void ProductionLine::write_outputs() {
  double* value = values_.data();
  const auto count = [](uint64_t number) { return static_cast<double>(number); };
  const auto seconds_of = [](int64_t ns) { return static_cast<double>(ns) / 1e9; };
  for (const Source& source : sources_) {
    value[1] = count(source.made);
    value[2] = count(source.lost);
    value += kSourcePorts;
  }
  for (Buffer& buffer : buffers_) {
    count_level(buffer, now());
    value[0] = count(buffer.parts.size());
    value[1] = count(buffer.entered);
    value[2] = seconds_of(buffer.level_time);
    value += kBufferPorts;
  }
  for (const Station& station : stations_) {
    value[3] = count(station.made);
    value[4] = count(station.rejected);
    for (size_t i = 0; i < kStates; ++i) {
      value[5 + i] = count(station.number[i]);
      const int64_t time =
          station.time[i] + static_cast<int64_t>(station.number[i]) * (now() - station.since);
      value[5 + kStates + i] = seconds_of(time);
    }
    value += kStationPorts;
  }
  const double totals[] = {count(entered_ - delivered_ - scrapped_),
                           count(delivered_),
                           count(delivered_defective_),
                           count(scrapped_),
                           count(scrapped_good_),
                           seconds_of(lead_time_)};
  std::copy(std::begin(totals), std::end(totals), value);
}

}  // namespace looptwin::sim
