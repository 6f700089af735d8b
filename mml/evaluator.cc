#include "mml/evaluator.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "lang/stateful.h"
#include "mml/warm.h"
#include "twin/sets.h"

namespace looptwin::mml {
namespace {

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

void store(void* column, lang::Storage storage, size_t row, double value) {
  if (storage == lang::Storage::boolean)
    static_cast<uint8_t*>(column)[row] = value == 1 ? 1 : value == 0 ? 0 : 2;
  else
    static_cast<double*>(column)[row] = value;
}

}  // namespace

struct Evaluator::Set {
  lang::SetAggregate what;
  twin::SetColumn from;
  lang::Storage from_storage = lang::Storage::f64;
  void* out = nullptr;
  lang::Storage out_storage = lang::Storage::f64;
  std::vector<uint32_t> first_owner, last_owner;  ///< of each group of members; first > last: none
  std::vector<uint8_t> due;                       ///< [owner row]
};

struct Evaluator::Shadow {
  lang::RelatedRead what;
  RelationId inverse;
  std::vector<double> seen;
};

Evaluator::Evaluator(lang::Plan plan, const lang::Schema& schema, const lang::Graph& graph,
                     const twin::Registry& registry, twin::Tables& tables, lang::UniformProgram::Feeds& feeds)
    : plan_(std::move(plan)),
      schema_(schema),
      registry_(registry),
      tables_(tables),
      feeds_(feeds),
      shards_(tables.shards()) {
  uniforms_ = std::make_unique<lang::UniformProgram>(graph, plan_.uniforms);
  uniform_values_.assign(plan_.uniforms.size(), std::numeric_limits<double>::quiet_NaN());
}

Evaluator::~Evaluator() = default;

void Evaluator::bind() {
  sets_.clear();
  shadows_.clear();
  windows_.clear();
  window_scratch_.clear();
  for (auto& stratum : plan_.strata) {
    auto& sets = sets_.emplace_back();
    for (const auto& what : stratum.sets) {
      Set set{.what = what};
      if (what.from.valid()) {
        set.from_storage = schema_.column(what.member, what.from).storage;
        set.from = {tables_.column(what.member, what.from), set.from_storage};
      }
      set.out = tables_.column(what.owner, what.out);
      set.out_storage = schema_.column(what.owner, what.out).storage;
      set.due.assign(tables_.rows(what.owner), 1);
      const size_t groups = (tables_.rows(what.member) + twin::kGroupRows - 1) / twin::kGroupRows;
      set.first_owner.assign(groups, std::numeric_limits<uint32_t>::max());
      set.last_owner.assign(groups, 0);
      for (size_t owner = 0; owner < tables_.rows(what.owner); ++owner) {
        for (const uint32_t member : registry_.members(what.owner, what.relation, Row(owner))) {
          auto& first = set.first_owner[member / twin::kGroupRows];
          auto& last = set.last_owner[member / twin::kGroupRows];
          first = std::min(first, static_cast<uint32_t>(owner));
          last = std::max(last, static_cast<uint32_t>(owner));
        }
      }
      sets.push_back(std::move(set));
    }
    auto& windows = windows_.emplace_back();
    size_t widest = 0;
    for (const auto& w : stratum.windows) {
      windows.emplace_back(w.op, w.span, tables_.rows(w.table));
      widest = std::max(widest, tables_.rows(w.table));
    }
    window_scratch_.emplace_back(2 * widest);
    auto& shadows = shadows_.emplace_back();
    auto& values = program_uniforms_.emplace_back();
    auto& indices = uniform_index_.emplace_back();
    uniforms_changed_.emplace_back(stratum.programs.size(), uint8_t{1});
    for (auto& p : stratum.programs) {
      p.program.bind(tables_);
      auto& of_program = shadows.emplace_back();
      for (const auto& read : p.related) {
        const auto& relation = schema_.table(p.table).relations[read.relation.index()];
        of_program.push_back({read, relation.inverse, std::vector<double>(tables_.rows(read.to), -0.0)});
      }
      values.emplace_back(p.program.uniforms().size());
      auto& index = indices.emplace_back();
      for (const lang::NodeId node : p.program.uniforms())
        index.push_back(static_cast<size_t>(std::find(plan_.uniforms.begin(), plan_.uniforms.end(), node) -
                                            plan_.uniforms.begin()));
      p.program.reset(0, tables_.rows(p.table));
    }
  }
}

double Evaluator::uniform(lang::NodeId node) const {
  const auto at = std::find(plan_.uniforms.begin(), plan_.uniforms.end(), node);
  LT_CHECK(at != plan_.uniforms.end());
  return uniform_values_[static_cast<size_t>(at - plan_.uniforms.begin())];
}

void Evaluator::run_uniforms(Time now) {
  uniforms_->run(now, feeds_, uniform_values_);
  for (size_t s = 0; s < plan_.strata.size(); ++s) {
    for (size_t p = 0; p < program_uniforms_[s].size(); ++p) {
      for (size_t u = 0; u < program_uniforms_[s][p].size(); ++u) {
        const double value = uniform_values_[uniform_index_[s][p][u]];
        if (!same_bits(value, program_uniforms_[s][p][u])) uniforms_changed_[s][p] = 1;
        program_uniforms_[s][p][u] = value;
      }
    }
  }
}

void Evaluator::evaluate(Time previous, Time now, Dirty& dirty, Workers& workers, const ProducerStep& step) {
  run_uniforms(now);
  for (size_t s = 0; s < plan_.strata.size(); ++s) {
    run_sets(s, dirty, workers);
    run_windows(s, previous, now, dirty, workers);
    if (warm_ != nullptr) warm_->step(s, now, dirty, workers);
    mark_readers(s, dirty);
    run_programs(s, now, dirty, workers, step);
  }
  settled_ = true;
  look_again(now, dirty);
}

/// previous(x) is another at the next boundary where x has changed at this one.
void Evaluator::look_again(Time now, Dirty& dirty) {
  for (const auto& [table, column, copy] : plan_.remembered) {
    const auto storage = schema_.column(table, column).storage;
    const void* value = tables_.column(table, column);
    const void* before = tables_.column(table, copy);
    Time* due = dirty.due(table);
    for (size_t g = 0; g < dirty.groups(table); ++g) {
      if (!dirty.marked(table, g)) continue;
      const size_t end = std::min(tables_.rows(table), (g + 1) * twin::kGroupRows);
      for (size_t row = g * twin::kGroupRows; row < end; ++row)
        if (!same_bits(twin::load(value, storage, row), twin::load(before, storage, row)))
          due[g] = std::min(due[g], now + nanoseconds(1));
    }
  }
}

void Evaluator::run_sets(size_t stratum, Dirty& dirty, Workers& workers) {
  for (auto& set : sets_[stratum]) {
    for (size_t g = 0; g < set.first_owner.size(); ++g) {
      if (!dirty.marked(set.what.member, g) || set.first_owner[g] > set.last_owner[g]) continue;
      std::fill(set.due.begin() + set.first_owner[g], set.due.begin() + set.last_owner[g] + 1, uint8_t{1});
    }
    const size_t owners = set.due.size();
    const size_t parts = (owners + twin::kGroupRows - 1) / twin::kGroupRows;
    workers.run(parts, [&](size_t part, int) {
      for (size_t row = part * twin::kGroupRows; row < std::min(owners, (part + 1) * twin::kGroupRows);
           ++row) {
        if (set.due[row] == 0) continue;
        set.due[row] = 0;
        const auto members = registry_.members(set.what.owner, set.what.relation, Row(row));
        const double value = twin::aggregate(set.what.op, set.from, members, set.what.minimum_good);
        if (same_bits(value, twin::load(set.out, set.out_storage, row))) continue;
        store(set.out, set.out_storage, row, value);
        dirty.mark(set.what.owner, row);
      }
    });
  }
}

void Evaluator::run_windows(size_t stratum, Time previous, Time now, Dirty& dirty, Workers& workers) {
  const auto& specs = plan_.strata[stratum].windows;
  for (size_t w = 0; w < specs.size(); ++w) {
    const size_t rows = tables_.rows(specs[w].table);
    double* in = window_scratch_[stratum].data();
    double* out = in + rows;
    const void* from = tables_.column(specs[w].table, specs[w].from);
    const auto storage = schema_.column(specs[w].table, specs[w].from).storage;
    auto* target = static_cast<double*>(tables_.column(specs[w].table, specs[w].out));
    workers.run(dirty.groups(specs[w].table), [&](size_t group, int) {
      const size_t first = group * twin::kGroupRows, end = std::min(rows, first + twin::kGroupRows);
      for (size_t row = first; row < end; ++row) in[row] = twin::load(from, storage, row);
      windows_[stratum][w].step(previous, now, first, end - first, in + first, out + first);
      for (size_t row = first; row < end; ++row) {
        if (same_bits(target[row], out[row])) continue;
        target[row] = out[row];
        dirty.mark(specs[w].table, row);
      }
    });
  }
}

void Evaluator::mark_readers(size_t stratum, Dirty& dirty) {
  const auto& programs = plan_.strata[stratum].programs;
  for (size_t p = 0; p < programs.size(); ++p) {
    if (programs[p].always || uniforms_changed_[stratum][p] != 0) dirty.mark_all(programs[p].table);
    uniforms_changed_[stratum][p] = 0;
    for (auto& shadow : shadows_[stratum][p]) {
      const void* column = tables_.column(shadow.what.to, shadow.what.column);
      const auto storage = schema_.column(shadow.what.to, shadow.what.column).storage;
      for (size_t g = 0; g < dirty.groups(shadow.what.to); ++g) {
        if (!dirty.marked(shadow.what.to, g)) continue;
        for (size_t row = g * twin::kGroupRows;
             row < std::min(shadow.seen.size(), (g + 1) * twin::kGroupRows); ++row) {
          const double value = twin::load(column, storage, row);
          if (same_bits(value, shadow.seen[row])) continue;
          shadow.seen[row] = value;
          if (!shadow.inverse.valid()) {
            dirty.mark_all(programs[p].table);
            continue;
          }
          for (const uint32_t member : registry_.members(shadow.what.to, shadow.inverse, Row(row)))
            dirty.mark(programs[p].table, member);
        }
      }
    }
  }
}

void Evaluator::run_programs(size_t stratum, Time now, Dirty& dirty, Workers& workers,
                             const ProducerStep& step) {
  const auto& s = plan_.strata[stratum];
  if (s.programs.empty() && s.producers.empty()) return;
  std::atomic<uint64_t> evaluated{0};
  workers.run(shards_.size(), [&](size_t part, int) {
    const twin::Shard& shard = shards_[part];
    Time* due = dirty.due(shard.table);
    uint64_t rows = 0;
    for (size_t p = 0; p < s.programs.size(); ++p) {
      if (s.programs[p].table != shard.table || (s.programs[p].steady && settled_)) continue;
      const lang::Instant instant{now, program_uniforms_[stratum][p]};
      const auto run = [&](size_t first, size_t count) {
        s.programs[p].program.run(instant, first, count, due);
        rows += count;
      };
      if (s.programs[p].steady)
        run(shard.first, shard.rows);
      else
        dirty.for_each_run(shard, run);
    }
    for (const auto& producer : s.producers) {
      if (producer.table != shard.table) continue;
      dirty.for_each_run(shard,
                         [&](size_t first, size_t count) { step(producer.index, part, first, count, due); });
    }
    evaluated.fetch_add(rows, std::memory_order_relaxed);
  });
  rows_evaluated_ += evaluated.load();
}

void Evaluator::pause(Time last, Duration gap) const {
  for (const auto& stratum : plan_.strata)
    for (const auto& program : stratum.programs)
      program.program.pause({lang::Pause::Of::observer, last, gap}, 0, tables_.rows(program.table));
}

void Evaluator::save(ArchiveWriter& archive) const {
  archive.section("evaluator", 1);
  archive.put_vector(uniform_values_);
  for (const auto& stratum : program_uniforms_)
    for (const auto& values : stratum) archive.put_vector(values);
  for (const auto& stratum : windows_)
    for (const auto& window : stratum) window.save(archive);
  for (const auto& stratum : sets_)
    for (const auto& set : stratum) archive.put_vector(set.due);
  for (const auto& stratum : shadows_)
    for (const auto& program : stratum)
      for (const auto& shadow : program) archive.put_vector(shadow.seen);
  if (warm_ != nullptr) warm_->save(archive);
}

void Evaluator::restore(ArchiveReader& archive) {
  archive.section("evaluator", 1);
  settled_ = false;
  archive.get_span(std::span(uniform_values_));
  for (auto& stratum : program_uniforms_)
    for (auto& values : stratum) archive.get_span(std::span(values));
  for (auto& stratum : windows_)
    for (auto& window : stratum) window.restore(archive);
  for (auto& stratum : sets_)
    for (auto& set : stratum) archive.get_span(std::span(set.due));
  for (auto& stratum : shadows_)
    for (auto& program : stratum)
      for (auto& shadow : program) archive.get_span(std::span(shadow.seen));
  if (warm_ != nullptr) warm_->restore(archive);
  for (auto& stratum : uniforms_changed_) std::fill(stratum.begin(), stratum.end(), uint8_t{0});
}

}  // namespace looptwin::mml
