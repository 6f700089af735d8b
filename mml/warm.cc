#include "mml/warm.h"

#include <algorithm>
#include <limits>

namespace looptwin::mml {

float kept_value(const twin::Scaling& scaling, double steps) {
  const double value = scaling.steps != 0 ? steps / scaling.steps : steps * scaling.resolution;
  return static_cast<float>(value * scaling.scale + scaling.offset);
}

WarmHistory::WarmHistory(const lang::Plan& plan, const lang::Schema& schema, const twin::Registry& registry,
                         twin::Tables& tables, const Civil& civil)
    : schema_(schema), registry_(registry), tables_(tables) {
  for (size_t s = 0; s < plan.strata.size(); ++s) {
    for (const auto& what : plan.strata[s].warm) {
      if (what.op == lang::Op::ago) {
        pasts_.emplace_back(what, civil.cycle, civil.start, civil.timezone, tables.rows(what.table));
        past_in_.push_back(s);
        continue;
      }
      const size_t of = place_of_buckets(what, civil);
      if (of == fed_in_.size()) fed_in_.push_back(s);
      trends_.emplace_back(what, civil.timezone);
      trend_in_.push_back(s);
      made_of_.push_back(of);
      buckets_[of].keep(trends_.back().statistic(), trends_.back().buckets());
    }
  }
}

size_t WarmHistory::place_of_buckets(const lang::WarmWindow& what, const Civil& civil) {
  const auto found = std::find_if(buckets_.begin(), buckets_.end(), [&](const WarmBuckets& b) {
    return b.table() == what.table && b.from() == what.from && b.length() == what.step;
  });
  if (found != buckets_.end()) return static_cast<size_t>(found - buckets_.begin());
  buckets_.emplace_back(what.table, what.from, what.step, what.sampled, civil.start, kRollupGrace,
                        tables_.rows(what.table));
  return buckets_.size() - 1;
}

void WarmHistory::bind() {
  const auto at = [&](TableId table, ColumnId column) {
    return WarmPast::Column{tables_.column(table, column), schema_.column(table, column).storage};
  };
  for (auto& past : pasts_)
    past.bind(at(past.what().table, past.what().from), at(past.what().table, past.what().out));
}

bool WarmHistory::add_rollups(TableId table, std::vector<Duration>& lengths) const {
  bool any = false;
  for (const auto& b : buckets_) {
    if (b.table() != table || !b.sampled()) continue;
    any = true;
    lengths.push_back(b.length());
  }
  std::sort(lengths.begin(), lengths.end());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  return any;
}

void WarmHistory::samples(size_t shard, const twin::Frame& frame) {
  if (next_ != nullptr) next_->samples(shard, frame);
}

void WarmHistory::bucket(size_t shard, const twin::ClosedBucket& bucket) {
  if (next_ != nullptr) next_->bucket(shard, bucket);
  const auto& model = registry_.model(bucket.table);
  for (auto& b : buckets_) {
    if (!b.sampled() || b.table() != bucket.table || b.length() != bucket.length ||
        b.from() != model.fields[bucket.field].value)
      continue;
    const auto& field = model.config.telemetry[bucket.field];
    const twin::Scaling scaling = twin::scaling_of(field);
    const auto keep = [&](Statistic statistic, std::span<const int32_t> raw, double parts) {
      if (!b.keeps(statistic)) return;
      const auto to = b.row_of(statistic, bucket.slot).subspan(bucket.first_row, raw.size());
      for (size_t i = 0; i < raw.size(); ++i)
        to[i] = raw[i] == twin::kMissing ? std::numeric_limits<float>::quiet_NaN()
                                         : kept_value(scaling, raw[i] / parts);
    };
    keep(Statistic::mean, bucket.mean16, 16);
    keep(Statistic::minimum, bucket.minimum, 1);
    keep(Statistic::maximum, bucket.maximum, 1);
  }
}

void WarmHistory::step(size_t stratum, Time now, Dirty& dirty, Workers& workers) {
  for (size_t b = 0; b < buckets_.size(); ++b) {
    auto& buckets = buckets_[b];
    if (buckets.sampled() || fed_in_[b] != stratum) continue;
    buckets.take(now, tables_.column(buckets.table(), buckets.from()),
                 schema_.column(buckets.table(), buckets.from()).storage);
  }
  for (size_t t = 0; t < trends_.size(); ++t) {
    if (trend_in_[t] != stratum) continue;
    const auto& what = trends_[t].what();
    trends_[t].step(now, buckets_[made_of_[t]], tables_.values<double>(what.table, what.out), dirty, workers);
  }
  for (size_t p = 0; p < pasts_.size(); ++p)
    if (past_in_[p] == stratum) pasts_[p].step(now, dirty);
}

WarmHistory::Cost WarmHistory::cost(lang::NodeId node) const {
  for (const auto& past : pasts_)
    if (past.what().node == node) return {past.slots(), past.every(), past.bytes_per_row()};
  for (size_t t = 0; t < trends_.size(); ++t)
    if (trends_[t].what().node == node)
      return {static_cast<size_t>(trends_[t].buckets()), buckets_of(t).length(),
              buckets_of(t).bytes_per_row()};
  return {};
}

size_t WarmHistory::bytes_per_device(TableId table) const {
  size_t bytes = 0;
  for (const auto& past : pasts_)
    if (past.what().table == table) bytes += past.bytes_per_row();
  for (const auto& b : buckets_)
    if (b.table() == table) bytes += b.bytes_per_row();
  return bytes;
}

size_t WarmHistory::bytes() const {
  size_t bytes = 0;
  for (size_t t = 0; t < schema_.tables.size(); ++t)
    bytes += bytes_per_device(TableId(t)) * tables_.rows(TableId(t));
  return bytes;
}

void WarmHistory::save(ArchiveWriter& archive) const {
  archive.section("warm history", 1);
  for (const auto& b : buckets_) b.save(archive);
  for (const auto& trend : trends_) trend.save(archive);
  for (const auto& past : pasts_) past.save(archive);
}

void WarmHistory::restore(ArchiveReader& archive) {
  archive.section("warm history", 1);
  for (auto& b : buckets_) b.restore(archive);
  for (auto& trend : trends_) trend.restore(archive);
  for (auto& past : pasts_) past.restore(archive);
}

}  // namespace looptwin::mml
