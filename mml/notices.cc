#include "mml/notices.h"

#include "base/check.h"

namespace looptwin::mml {

LoopSignals add_loop_signals(lang::Schema& schema, Feeds& feeds) {
  const lang::Unit second{"s", lang::Type::number(lang::kTimeDimension), 1, 0};
  const lang::Unit count{"1", lang::Type::number(), 1, 0};
  const auto add = [&](const char* name, const lang::Unit& unit) {
    schema.feeds.push_back({kLoopFeed, name, unit.type, unit, false});
    const FeedId id = feeds.add_given();
    LT_CHECK(id.index() + 1 == schema.feeds.size(), "the schema lists other feeds than there are");
    return id;
  };
  const FeedId lateness = add("lateness", second);
  const FeedId overruns = add("overruns", count);
  return {lateness, overruns, add("violations", count)};
}

void Notices::take_in(std::span<const twin::Notice> notices, Dirty& dirty) {
  for (const auto& notice : notices) {
    if (notice.about.table == registry_.site())
      of_loop(notice);
    else
      of_device(notice, dirty);
  }
}

/// Whoever reads a feed is evaluated when it changes.
void Notices::of_loop(const twin::Notice& notice) {
  const auto add = [&](FeedId to) { feeds_.give(to, feeds_.given(to) + notice.value); };
  switch (notice.kind) {
    case twin::Notice::Kind::lateness:
      return feeds_.give(signals_.lateness, notice.value);
    case twin::Notice::Kind::overruns:
      return add(signals_.overruns);
    case twin::Notice::Kind::violations:
      return add(signals_.violations);
    case twin::Notice::Kind::away:
      return;  // the loop's own matter
    case twin::Notice::Kind::diverging:
      break;
  }
  LT_CHECK(false, "the loop has no model to diverge from");
}

void Notices::of_device(const twin::Notice& notice, Dirty& dirty) {
  const auto [table, row] = notice.about;
  if (notice.kind == twin::Notice::Kind::diverging) {
    processor_.diverges(notice.about, notice.value != 0);
  } else {
    LT_CHECK(notice.kind == twin::Notice::Kind::violations, "a notice of a device that is of the loop");
    tables_.values<double>(table, registry_.model(table).violations)[row.index()] += notice.value;
  }
  dirty.mark(table, row.index());
}

void Notices::save(ArchiveWriter& archive) const {
  archive.section("notices", 1);
  for (const FeedId id : {signals_.lateness, signals_.overruns, signals_.violations})
    archive.put(feeds_.given(id));
}

void Notices::restore(ArchiveReader& archive) {
  archive.section("notices", 1);
  for (const FeedId id : {signals_.lateness, signals_.overruns, signals_.violations})
    feeds_.give(id, archive.get<double>());
}

}  // namespace looptwin::mml
