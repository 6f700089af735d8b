#include "testbed/requirements/requirements.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "mml/dirty.h"
#include "mml/evaluator.h"
#include "testbed/requirements/monitor.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kRowsAtOnce = 64;

/// How the difference of two sides becomes robustness. Whether equal sides hold is the sign of zero.
struct Comparing {
  explicit Comparing(lang::Op op)
      : by_distance(op == lang::Op::equal || op == lang::Op::not_equal),
        sense(op == lang::Op::greater || op == lang::Op::greater_equal || op == lang::Op::equal ? -1 : 1),
        at_equal(op == lang::Op::less || op == lang::Op::greater || op == lang::Op::not_equal ? -0.0 : 0.0) {}
  double margin(double left, double right, double scale) const {
    if (left == right) return at_equal;
    const double apart = (right - left) / scale;
    return sense * (by_distance ? std::abs(apart) : apart);
  }
  bool by_distance;
  double sense, at_equal;
};

}  // namespace

const char* name_of(Verdict verdict) {
  static constexpr const char* kNames[] = {"held", "violated", "undecided"};
  return kNames[static_cast<size_t>(verdict)];
}

/// Where an operand's values lie.
struct Requirements::Source {
  const void* column = nullptr;
  lang::Storage storage = lang::Storage::f64;
  double constant = 0;
  double at(size_t row) const {
    if (column == nullptr) return constant;
    if (storage == lang::Storage::f64) return static_cast<const double*>(column)[row];
    return twin::load(column, storage, row);
  }
};

struct Requirements::Watched {
  struct Sides {
    Source left, right;
    size_t mark = 0;                ///< of a pulse: in marks_
    const uint32_t* one = nullptr;  ///< of a pulse through a to-one relation: [row] the related row
  };
  const Requirement* requirement = nullptr;
  std::vector<Sides> atoms;
  Source where;
  std::vector<uint32_t> rows;  ///< that it is about; empty until the first look
  std::vector<Monitor> monitors;
  /// Of the node that settles an instant, where all its atoms are pulses: at most boundaries none of them is
  /// true of any row.
  std::vector<size_t> settling_marks;
  void find_settling_marks();
  bool is_quiet(const std::vector<PulseTap::Marks>& marks) const;
  std::vector<std::vector<Robustness>> scratch;  ///< [thread][row of a part, atom]
};

void Requirements::Watched::find_settling_marks() {
  const auto& formula = requirement->formula;
  const uint32_t node = Monitor::settling_node(formula);
  std::vector<uint32_t> open;
  if (node != Formula::kNobody) open.push_back(node);
  while (!open.empty()) {
    const auto& op = formula.nodes[open.back()];
    open.pop_back();
    if (op.op != Temporal::atom) {
      open.push_back(op.left);
      if (is_binary(op.op)) open.push_back(op.right);
    } else if (requirement->atoms[op.left].is == Atom::Is::pulse) {
      settling_marks.push_back(atoms[op.left].mark);
    } else {
      settling_marks.clear();
      return;
    }
  }
}

bool Requirements::Watched::is_quiet(const std::vector<PulseTap::Marks>& marks) const {
  if (settling_marks.empty() || monitors.empty()) return false;
  return std::none_of(settling_marks.begin(), settling_marks.end(), [&](size_t mark) {
    const auto& rows = marks[mark].rows;
    return std::memchr(rows.data(), 1, rows.size()) != nullptr;
  });
}

struct Requirements::Group {
  Group(RequirementGroup& group, const World& world)
      : what(&group),
        evaluator(std::move(group.plan), world.schema, world.graph, world.registry, world.tables,
                  world.feeds),
        dirty(world.tables, world.schema.tables.size()),
        all_shards(world.tables.shards()) {
    evaluator.bind();
    for (size_t s = 0; s < all_shards.size(); ++s)
      if (std::find(group.truths.begin(), group.truths.end(), all_shards[s].table) != group.truths.end())
        shards.push_back(s);
  }
  const RequirementGroup* what;
  mml::Evaluator evaluator;
  mml::Dirty dirty;
  std::vector<twin::Shard> all_shards;
  std::vector<size_t> requirements;
  std::vector<size_t> shards;  ///< whose truth is read
  Time last{-1};               ///< the last look; negative: none
};

Requirements::Requirements(CompiledRequirements compiled, const World& world, Duration cycle)
    : compiled_(std::move(compiled)), world_(world), cycle_(cycle) {
  for (auto& group : compiled_.groups) groups_.push_back(std::make_unique<Group>(group, world_));
  const auto source = [&](TableId table, const Operand& operand) {
    if (operand.constant || !operand.column.valid()) return Source{.constant = operand.constant.value_or(1)};
    return Source{world_.tables.column(table, operand.column),
                  world_.schema.column(table, operand.column).storage};
  };
  for (size_t r = 0; r < compiled_.requirements.size(); ++r) {
    const auto& requirement = compiled_.requirements[r];
    auto& watched = watched_.emplace_back();
    watched.requirement = &requirement;
    groups_[requirement.group]->requirements.push_back(r);
    if (requirement.where) watched.where = source(requirement.table, *requirement.where);
    if (!requirement.where) watched.where.constant = 1;
    for (const auto& atom : requirement.atoms) {
      auto& sides = watched.atoms.emplace_back();
      if (atom.is != Atom::Is::pulse) {
        sides.left = source(requirement.table, atom.left);
        sides.right = source(requirement.table, atom.right);
        continue;
      }
      sides.mark = marks_.size();
      marks_.push_back({atom.pulse, std::vector<uint8_t>(world_.tables.rows(atom.pulse.table))});
      if (!atom.pulse.relation.valid()) continue;
      const auto& relation = world_.schema.table(requirement.table).relations[atom.pulse.relation.index()];
      if (!relation.many)
        sides.one = static_cast<const uint32_t*>(world_.tables.column(requirement.table, relation.rows));
    }
    watched.find_settling_marks();
  }
}

Requirements::~Requirements() = default;

mml::DecisionSink* Requirements::tap(mml::DecisionSink* next) {
  if (marks_.empty()) return next;
  tap_ = std::make_unique<PulseTap>(marks_, next);
  return tap_.get();
}

void Requirements::start(Workers& workers) {
  if (started_) return;
  started_ = true;
  bool begun = false;
  for (auto& group : groups_) {
    if (!group->what->of_truth) continue;
    // What coupled plants are at 0 becomes columns.
    if (!begun && world_.fleet != nullptr) world_.fleet->begin(kStart);
    begun = true;
    look_at(*group, kStart, workers);
  }
}

void Requirements::look(Time boundary, bool away, Workers& workers) {
  now_ = boundary;
  for (auto& group : groups_) {
    if (away && !group->what->of_truth) continue;
    const Duration every = group->what->every;
    if (every.ns > 0 && group->last >= kStart && floor_to(boundary, every) == floor_to(group->last, every))
      continue;
    look_at(*group, boundary, workers);
  }
}

void Requirements::look_at(Group& group, Time now, Workers& workers) {
  if (world_.fleet != nullptr)
    workers.run(group.shards.size(), [&](size_t s, int) { world_.fleet->settle(group.shards[s], now); });
  // Truth stands still between grid points, and what reads nothing else is not computed anew.
  for (const TableId table : group.what->known) group.dirty.mark_all(table);
  for (const TableId table : group.what->truths) {
    const Duration grid = world_.fleet->grid_of_truth(table);
    if (grid.ns == 0 || group.last < kStart || floor_to(now, grid) != floor_to(group.last, grid))
      group.dirty.mark_all(table);
  }
  for (const auto& shard : group.all_shards) group.dirty.begin(shard, now);
  group.evaluator.evaluate(std::max(group.last, kStart), now, group.dirty, workers,
                           [](size_t, size_t, size_t, size_t, Time*) {});
  group.dirty.clear();
  for (const size_t r : group.requirements) {
    if (group.last < kStart) choose_rows(watched_[r]);
    feed(watched_[r], now, workers);
  }
  group.last = now;
}

void Requirements::choose_rows(Watched& watched) {
  watched.rows.clear();
  watched.monitors.clear();
  for (uint32_t row = 0; row < world_.tables.rows(watched.requirement->table); ++row)
    if (watched.where.at(row) == 1) watched.rows.push_back(row);
  watched.monitors.reserve(watched.rows.size());
  for (size_t i = 0; i < watched.rows.size(); ++i)
    watched.monitors.emplace_back(watched.requirement->formula);
}

void Requirements::feed(Watched& watched, Time now, Workers& workers) {
  const size_t atoms = watched.atoms.size();
  watched.scratch.resize(static_cast<size_t>(workers.threads()));
  std::optional<Robustness> of_all;  // the value that settles the instant, where it is the same of all rows
  if (watched.is_quiet(marks_)) {
    auto& values = watched.scratch[0];
    values.resize(kRowsAtOnce * atoms);
    for (uint32_t a = 0; a < atoms; ++a) values[a] = truth_of(watched, a, 0, {.at = now, .atom = a});
    of_all = watched.monitors[0].settling_value(values);
  }
  const size_t parts = (watched.rows.size() + kRowsAtOnce - 1) / kRowsAtOnce;
  workers.run(parts, [&](size_t part, int thread) {
    auto& values = watched.scratch[static_cast<size_t>(thread)];
    values.resize(kRowsAtOnce * atoms);
    const size_t first = part * kRowsAtOnce;
    const auto rows =
        std::span(watched.rows).subspan(first, std::min(kRowsAtOnce, watched.rows.size() - first));
    const auto step = [&](size_t begin, size_t count) {
      for (size_t a = 0; a < atoms; ++a)
        values_of(watched, a, rows.subspan(begin, count), now, values.data() + a);
      for (size_t i = 0; i < count; ++i)
        watched.monitors[first + begin + i].step(now, std::span(values).subspan(i * atoms, atoms));
    };
    if (!of_all) return step(0, rows.size());
    for (size_t i = 0; i < rows.size(); ++i)
      if (!watched.monitors[first + i].pass(*of_all)) step(i, 1);
  });
  for (size_t a = 0; a < atoms; ++a)
    if (watched.requirement->atoms[a].is == Atom::Is::pulse)
      std::ranges::fill(marks_[watched.atoms[a].mark].rows, uint8_t{0});
}

/// An atom's values in some rows; `out` has a place for each atom of a row.
void Requirements::values_of(const Watched& watched, size_t a, std::span<const uint32_t> rows, Time now,
                             Robustness* out) const {
  const Atom& atom = watched.requirement->atoms[a];
  const auto& sides = watched.atoms[a];
  const size_t atoms = watched.atoms.size();
  const Comparing comparing(atom.op);
  for (const uint32_t row : rows) {
    Bound bound{.at = now, .atom = static_cast<uint32_t>(a)};
    if (atom.is == Atom::Is::comparison) {
      const double left = sides.left.at(row), right = sides.right.at(row);
      if (std::isnan(left) || std::isnan(right)) {
        *out = truth_of(watched, a, 0.5, bound);
      } else {
        bound.value = comparing.margin(left, right, atom.unit.scale);
        bound.left = atom.unit.from_si(left);
        bound.right_is_above = right > left;
        *out = {bound, bound};
      }
    } else {
      const double holds = atom.is == Atom::Is::pulse ? pulsed(watched, a, row) : sides.left.at(row);
      *out = truth_of(watched, a, holds, bound);
    }
    out += atoms;
  }
}

/// Of what holds (1), does not (0), or is not known.
Robustness Requirements::truth_of(const Watched& watched, size_t a, double holds, Bound bound) const {
  const auto unknown = watched.requirement->config.unknown;
  const bool is_unknown = holds != 0 && holds != 1;
  if (is_unknown && unknown == UnknownCounts::as_unknown)
    return unsettled(Bound::Is::unknown, bound.at, bound.atom);
  // What counts as holding makes the formula hold, whichever way the atom stands in it.
  if (is_unknown) holds = (unknown == UnknownCounts::as_holding) != watched.requirement->atoms[a].negated;
  bound.value = holds == 1 ? kUnbounded : -kUnbounded;
  bound.left = std::numeric_limits<double>::quiet_NaN();
  return {bound, bound};
}

bool Requirements::pulsed(const Watched& watched, size_t a, uint32_t row) const {
  const auto& sides = watched.atoms[a];
  const auto& rows = marks_[sides.mark].rows;
  const auto relation = watched.requirement->atoms[a].pulse.relation;
  if (!relation.valid()) return rows[row] != 0;
  if (sides.one != nullptr) return sides.one[row] < rows.size() && rows[sides.one[row]] != 0;
  const auto members = world_.registry.members(watched.requirement->table, relation, Row(row));
  return std::any_of(members.begin(), members.end(), [&](uint32_t member) { return rows[member] != 0; });
}

void Requirements::finish() {
  for (auto& group : groups_) {
    const Duration every = group->what->every;
    Time next = now_ + cycle_;
    if (every.ns > 0 && group->last >= kStart) next = std::max(next, floor_to(group->last, every) + every);
    for (const size_t r : group->requirements)
      for (auto& monitor : watched_[r].monitors) monitor.finish(next);
  }
}

std::vector<RequirementResult> Requirements::results() const {
  std::vector<RequirementResult> all;
  for (size_t r = 0; r < watched_.size(); ++r)
    for (size_t i = 0; i < watched_[r].monitors.size(); ++i) all.push_back(result(r, i));
  return all;
}

RequirementResult Requirements::result(size_t r, size_t i) const {
  using Is = Bound::Is;
  const auto& requirement = compiled_.requirements[r];
  const auto& outcome = watched_[r].monitors[i].outcome();
  const auto& [low, high] = outcome.value;
  RequirementResult result{.requirement = r, .name = requirement.config.name};
  if (requirement.table != world_.registry.site())
    result.device = world_.registry.id({requirement.table, Row(watched_[r].rows[i])});
  result.low = low.value;
  result.high = high.value;
  result.open_since = outcome.open_since;
  const Bound* decisive = nullptr;
  if (outcome.instants == 0) {
    result.run_ended = true;  // before anything was decided
    result.low = -kUnbounded;
    if (!high.holds()) result.verdict = Verdict::violated, decisive = &high, result.run_ended = false;
  } else if (!high.holds()) {
    result.verdict = Verdict::violated;
    decisive = &high;
  } else if (low.holds()) {
    result.verdict = Verdict::held;
    decisive = &low;
  } else {
    decisive = low.is == Is::unknown || low.is == Is::beyond_end ? &low : &high;
    result.run_ended = decisive->is == Is::beyond_end;
  }
  const double none = std::numeric_limits<double>::quiet_NaN();
  result.left = result.right = none;
  if (decisive == nullptr || decisive->is == Is::beyond_end || decisive->is == Is::empty) return result;
  result.atom = &requirement.atoms[decisive->atom];
  result.when = decisive->at;
  if (decisive->is != Is::known || result.atom->is != Atom::Is::comparison) return result;
  result.left = decisive->left;
  const double apart = std::abs(decisive->value);
  result.right = decisive->right_is_above ? decisive->left + apart : decisive->left - apart;
  return result;
}

void Requirements::save(ArchiveWriter& archive) const {
  archive.section("requirements", 1);
  archive.put(now_);
  archive.put(started_);
  for (const auto& group : groups_) {
    archive.put(group->last);
    group->evaluator.save(archive);
    group->dirty.save(archive);
  }
  for (const auto& watched : watched_) {
    archive.put_vector(watched.rows);
    for (const auto& monitor : watched.monitors) monitor.save(archive);
  }
  for (const auto& mark : marks_) archive.put_vector(mark.rows);
}

void Requirements::restore(ArchiveReader& archive) {
  archive.section("requirements", 1);
  now_ = archive.get<Time>();
  started_ = archive.get<bool>();
  for (auto& group : groups_) {
    group->last = archive.get<Time>();
    group->evaluator.restore(archive);
    group->dirty.restore(archive);
  }
  for (auto& watched : watched_) {
    watched.rows = archive.get_vector<uint32_t>();
    watched.monitors.clear();
    for (size_t i = 0; i < watched.rows.size() && archive.ok(); ++i) {
      watched.monitors.emplace_back(watched.requirement->formula);
      watched.monitors.back().restore(archive);
    }
  }
  for (auto& mark : marks_) archive.get_span(std::span(mark.rows));
}

}  // namespace looptwin::testbed
