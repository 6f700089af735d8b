#include "twin/reservations.h"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "base/text.h"
#include "twin/database.h"
#include "twin/record_rules.h"

namespace looptwin::twin {
namespace {

constexpr uint64_t kMostDevices = 10'000;
constexpr Duration kLongestLease = days(366);

std::vector<std::string> split(const std::string& text, char at = ';') {
  std::vector<std::string> parts;
  for (size_t from = 0; from < text.size();) {
    const size_t to = std::min(text.find(at, from), text.size());
    parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

bool has_tags(const InventoryItem& item, const std::vector<std::string>& tags) {
  return std::ranges::all_of(tags, [&](const auto& tag) { return std::ranges::count(item.tags, tag) != 0; });
}

bool is_exact(const ReservationWish& wish) { return !wish.ids.empty() || !wish.pieces.empty(); }

/// What could be given to a wish, whoever has it now.
bool fits(const ReservationWish& wish, const InventoryItem& item) {
  if (item.retired) return false;
  if (is_exact(wish))
    return std::ranges::count(wish.ids, item.id) != 0 ||
           std::ranges::any_of(wish.pieces, [&](const auto& tags) { return has_tags(item, tags); });
  return (wish.model.empty() || item.model == wish.model) && has_tags(item, wish.tags);
}

uint64_t wanted(const ReservationWish& wish) {
  return is_exact(wish) ? wish.ids.size() + wish.pieces.size() : wish.count;
}

/// Tags as the file keeps them, with bars between those of several pieces.
std::string written_tags(const ReservationWish& wish) {
  if (wish.pieces.empty()) return joined(wish.tags, ";");
  std::vector<std::string> pieces;
  for (const auto& tags : wish.pieces) pieces.push_back(joined(tags, ";"));
  return joined(pieces, "|");
}

void read_tags(const std::string& text, ReservationWish& wish) {
  if (wish.ids.empty() && text.find('|') == std::string::npos) {
    wish.tags = split(text);
    return;
  }
  for (const auto& tags : split(text, '|')) wish.pieces.push_back(split(tags));
}

/// A piece may take what another has, if that one can have something else: so all get theirs where they can.
class Assignment {
 public:
  Assignment(const std::vector<std::vector<std::string>>& pieces, const std::vector<InventoryItem>& items)
      : pieces_(pieces), items_(items), of_(items.size(), pieces.size()) {
    for (size_t p = 0; p < pieces.size(); ++p) {
      asked_.assign(items.size(), false);
      give(p);
    }
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> ids(pieces_.size());
    for (size_t i = 0; i < items_.size(); ++i)
      if (of_[i] < pieces_.size()) ids[of_[i]] = items_[i].id;
    return ids;
  }

 private:
  bool give(size_t piece) {
    for (const bool taken : {false, true})
      for (size_t i = 0; i < items_.size(); ++i) {
        if ((of_[i] < pieces_.size()) != taken || asked_[i] || !has_tags(items_[i], pieces_[piece])) continue;
        asked_[i] = true;
        if (taken && !give(of_[i])) continue;
        of_[i] = piece;
        return true;
      }
    return false;
  }

  const std::vector<std::vector<std::string>>& pieces_;
  const std::vector<InventoryItem>& items_;
  std::vector<size_t> of_;  ///< [item] which piece it is; past the last: none
  std::vector<bool> asked_;
};

/// Why a device cannot be had by anybody; empty: it can.
std::string hindrance(const ReservationWish& wish, const InventoryItem& item, UnixTime now) {
  if (!item.quarantine.empty()) return "is in quarantine: " + item.quarantine;
  if (!wish.overdue && is_overdue(item, now)) return "was due for calibration on " + item.due;
  return {};
}

/// A standing row of the table.
struct Standing {
  int64_t number = 0;
  ReservationWish wish;
  UnixTime asked, until;
  bool granted = false;
};

}  // namespace

std::vector<std::string> assigned(const std::vector<std::vector<std::string>>& pieces,
                                  const std::vector<InventoryItem>& items) {
  return Assignment(pieces, items).ids();
}

/// One transaction's view of the file.
struct Reservations::Work {
  Database& db;
  UnixTime now;
  std::vector<InventoryItem> items;
  std::vector<Standing> standing;        ///< in the order in which they asked
  std::map<std::string, size_t> holder;  ///< by device: which of `standing`

  /// Reads all; what has run out counts as ended.
  void read(const std::vector<InventoryItem>& all) {
    items = all;
    Query rows(
        db,
        "SELECT n, owner, ids, tags, model, count, overdue, lease, asked, granted, until FROM reservation "
        "WHERE ended IS NULL AND until > ? ORDER BY n",
        now.ns);
    while (rows.next()) {
      Standing one{.number = rows.integer(0), .asked = {rows.integer(8)}, .until = {rows.integer(10)}};
      one.granted = rows.text_or_null(9).has_value();
      one.wish = {.ids = split(rows.text(2)),
                  .model = rows.text(4),
                  .count = static_cast<uint64_t>(rows.integer(5)),
                  .overdue = rows.integer(6) != 0,
                  .owner = rows.text(1),
                  .lease = {rows.integer(7)}};
      read_tags(rows.text(3), one.wish);
      standing.push_back(std::move(one));
    }
    for (size_t i = 0; i < standing.size(); ++i) {
      Query held(db,
                 "SELECT i.id FROM holding h JOIN item i ON i.n = h.item WHERE h.reservation = ? AND h.ended "
                 "IS NULL",
                 standing[i].number);
      while (held.next()) holder[held.text(0)] = i;
    }
  }

  /// Ends what has run out, so that its devices can be held by another.
  void sweep() {
    Query(db,
          "UPDATE holding SET ended = ?1 WHERE ended IS NULL AND reservation IN "
          "(SELECT n FROM reservation WHERE ended IS NULL AND until <= ?1)",
          now.ns)
        .run();
    Query(db, "UPDATE reservation SET ended = until, outcome = 'expired' WHERE ended IS NULL AND until <= ?",
          now.ns)
        .run();
  }

  /// Of the devices that are `usable` those that a wish would get: fewer than it wants where it cannot have
  /// all.
  template <typename Usable>
  std::vector<std::string> choose(const ReservationWish& wish, Usable usable) const {
    std::vector<std::string> found;
    std::vector<InventoryItem> for_pieces;
    for (const auto& item : items) {
      if (!fits(wish, item) || !usable(item)) continue;
      if (!wish.pieces.empty() && std::ranges::count(wish.ids, item.id) == 0)
        for_pieces.push_back(item);
      else if (found.size() < wanted(wish))
        found.push_back(item.id);
    }
    for (auto& id : assigned(wish.pieces, for_pieces))
      if (!id.empty()) found.push_back(std::move(id));
    return found;
  }

  /// The devices that a wish gets now, when all before `number` had their turn; fewer than it wants: it
  /// waits.
  std::vector<std::string> turn(const ReservationWish& wish, int64_t number) const {
    std::set<std::string> withheld;
    const auto free_for = [&](const ReservationWish& w) {
      return choose(w, [&](const InventoryItem& item) {
        return hindrance(w, item, now).empty() && !holder.contains(item.id) && !withheld.contains(item.id);
      });
    };
    // What an earlier one waits for is not given to a later one, or a large wish would never be fulfilled.
    for (const auto& one : standing)
      if (!one.granted && one.number < number)
        for (auto& id : free_for(one.wish)) withheld.insert(std::move(id));
    return free_for(wish);
  }

  std::string why(const ReservationWish& wish, int64_t number) const {
    std::vector<std::string> held;
    for (const auto& item : items)
      if (const auto by = holder.find(item.id); fits(wish, item) && by != holder.end() && held.size() < 5)
        held.push_back(fmt::format("{} is held by {} until {}", item.id, standing[by->second].wish.owner,
                                   to_string(standing[by->second].until)));
    const auto before = std::ranges::count_if(
        standing, [&](const Standing& one) { return !one.granted && one.number < number; });
    if (before > 0) held.push_back(fmt::format("{} asked before", before));
    return joined(held);
  }

  void grant(int64_t number, const ReservationWish& wish, const std::vector<std::string>& devices) {
    for (const auto& id : devices)
      Query(db, "INSERT INTO holding (reservation, item) SELECT ?, n FROM item WHERE id = ?", number, id)
          .run();
    Query(db, "UPDATE reservation SET granted = ?, until = ? WHERE n = ?", now.ns, (now + wish.lease).ns,
          number)
        .run();
  }

  int64_t insert(const ReservationWish& wish) {
    Query(db,
          "INSERT INTO reservation (owner, ids, tags, model, count, overdue, lease, asked, until) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          wish.owner, joined(wish.ids, ";"), written_tags(wish), wish.model, wish.count,
          int64_t{wish.overdue}, wish.lease.ns, now.ns, (now + kPatience).ns)
        .run();
    return db.last_row();
  }

  Reservation shown(const Standing& one) const {
    Reservation out{one.number, one.wish.owner, {}, one.asked, one.until, {}};
    for (const auto& [id, by] : holder)
      if (standing[by].number == one.number) out.devices.push_back(id);
    if (out.waits()) out.why = why(one.wish, one.number);
    return out;
  }

  /// A failure where nothing that is free or will be can fulfil the wish.
  Result<void> check(const ReservationWish& wish) const {
    size_t hindered = 0;
    std::string example;
    for (const auto& id : wish.ids)
      if (const auto item = std::ranges::find(items, id, &InventoryItem::id);
          item == items.end() || item->retired)
        return failure(fmt::format("{} '{}' in {}", item == items.end() ? "there is no device" : "retired is",
                                   id, db.path().string()),
                       "looptwin inventory list shows what there is");
    for (const auto& item : items) {
      if (!fits(wish, item)) continue;
      const auto reason = hindrance(wish, item, now);
      if (reason.empty()) continue;
      ++hindered;
      if (example.empty()) example = fmt::format("'{}' {}", item.id, reason);
    }
    const size_t can =
        choose(wish, [&](const InventoryItem& item) { return hindrance(wish, item, now).empty(); }).size();
    if (can >= wanted(wish)) return {};
    const char* hint = example.find("calibration") != std::string::npos
                           ? "calibrate it, or say that overdue devices will do"
                           : "looptwin inventory accept or set ends a quarantine";
    if (!wish.ids.empty() && wish.pieces.empty()) return failure(example, hint);
    return failure(fmt::format("{} devices are wanted, and {} can be had{}", wanted(wish), can,
                               hindered == 0 ? "" : fmt::format("; {} more cannot: {}", hindered, example)),
                   hindered == 0 ? "ask for fewer, or for fewer tags" : hint);
  }
};

/// Runs `what` over the file in one transaction, which holds if it succeeds.
template <typename T, typename Do>
Result<T> Reservations::transaction(Do&& what) {
  auto& db = *store_.db_;
  db.execute("BEGIN IMMEDIATE");
  Result<T> done = what();
  if (db.ok() && done) db.execute("COMMIT");
  db.roll_back();
  if (auto good = db.result(); !good) return tl::make_unexpected(std::move(good.error()));
  return done;
}

namespace {

Result<void> check_wish(const ReservationWish& wish) {
  for (const auto& tag : wish.tags)
    if (auto good = check_tag(tag); !good) return good;
  for (const auto& tags : wish.pieces)
    for (const auto& tag : tags)
      if (auto good = check_tag(tag); !good) return good;
  for (const auto& id : wish.ids)
    if (auto good = check_device_id(id); !good) return good;
  if (!wish.ids.empty() && !(wish.tags.empty() && wish.model.empty()))
    return failure("devices are wanted by id, and by what they are",
                   "give ids, or tags and a model; tags stand with commas between: --tags pump,hot");
  if (!is_exact(wish) && wish.tags.empty() && wish.model.empty())
    return failure("it is not said which devices are wanted", "give ids, tags or a model");
  if (wish.count < 1 || wanted(wish) > kMostDevices)
    return failure(fmt::format("{} devices cannot be reserved", wish.count),
                   fmt::format("ask for 1 to {}", kMostDevices));
  if (!is_line(wish.owner) || wish.owner.empty())
    return failure("a reservation needs its owner, a line of text", "write --owner ci-17");
  if (wish.lease < seconds(1) || wish.lease > kLongestLease)
    return failure(fmt::format("a lease of {} is too {}", to_string(wish.lease),
                               wish.lease < seconds(1) ? "short" : "long"),
                   "it is 1 s to 366 d");
  return {};
}

/// Why a reservation cannot be used any more, or by this owner.
Result<void> check_use(Database& db, int64_t number, const std::string& owner) {
  Query query(db, "SELECT owner, ended, outcome FROM reservation WHERE n = ?", number);
  if (!query.next())
    return failure(fmt::format("there is no reservation {} in {}", number, db.path().string()),
                   "looptwin inventory reservations shows them");
  if (query.text_or_null(1))
    return failure(fmt::format("reservation {} has {} at {}", number,
                               query.text(2) == "expired" ? "run out" : "been " + query.text(2),
                               to_string(UnixTime{query.integer(1)})),
                   "reserve anew");
  if (query.text(0) != owner)
    return failure(fmt::format("reservation {} is {}'s, not {}'s", number, query.text(0), owner),
                   fmt::format("--owner '{}' acts for its owner", query.text(0)));
  return {};
}

}  // namespace

Result<Reservation> Reservations::ask(const ReservationWish& asked, UnixTime now, bool queue) {
  auto wish = asked;
  std::ranges::sort(wish.ids);
  wish.ids.erase(std::unique(wish.ids.begin(), wish.ids.end()), wish.ids.end());
  if (auto good = check_wish(wish); !good) return tl::make_unexpected(std::move(good.error()));
  return transaction<Reservation>([&]() -> Result<Reservation> {
    Work work{.db = *store_.db_, .now = now};
    work.sweep();
    auto items = store_.items();
    if (!items) return tl::make_unexpected(std::move(items.error()));
    work.read(*items);
    if (auto possible = work.check(wish); !possible) return tl::make_unexpected(std::move(possible.error()));
    constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
    auto devices = work.turn(wish, kLast);
    const bool granted = devices.size() == wanted(wish);
    if (!granted && !queue) return Reservation{0, wish.owner, {}, now, now, work.why(wish, kLast)};
    const int64_t number = work.insert(wish);
    if (granted) {
      work.grant(number, wish, devices);
      return Reservation{number, wish.owner, std::move(devices), now, now + wish.lease, {}};
    }
    return Reservation{number, wish.owner, {}, now, now + kPatience, work.why(wish, number)};
  });
}

Result<Reservation> Reservations::ask_again(int64_t number, UnixTime now) {
  return transaction<Reservation>([&]() -> Result<Reservation> {
    auto& db = *store_.db_;
    Work work{.db = db, .now = now};
    work.sweep();
    // Passed over because it was silent: it has its place again.
    Query(db,
          "UPDATE reservation SET ended = NULL, outcome = NULL, until = ?1 WHERE n = ?2 AND granted IS NULL "
          "AND "
          "(outcome = 'expired' OR (ended IS NULL AND until < ?3))",
          (now + kPatience).ns, number, (now + Duration{kPatience.ns / 2}).ns)
        .run();
    auto items = store_.items();
    if (!items) return tl::make_unexpected(std::move(items.error()));
    work.read(*items);
    const auto mine = std::ranges::find(work.standing, number, &Standing::number);
    if (mine == work.standing.end())
      return failure(fmt::format("reservation {} does not wait any more", number), "reserve anew");
    if (mine->granted) return work.shown(*mine);
    auto devices = work.turn(mine->wish, number);
    if (devices.size() < wanted(mine->wish)) return work.shown(*mine);
    work.grant(number, mine->wish, devices);
    return Reservation{number, mine->wish.owner, std::move(devices), mine->asked, now + mine->wish.lease, {}};
  });
}

Result<Reservation> Reservations::renew(int64_t number, const std::string& owner,
                                        std::optional<Duration> lease, UnixTime now) {
  if (lease && (*lease < seconds(1) || *lease > kLongestLease))
    return failure(
        fmt::format("a lease of {} is too {}", to_string(*lease), *lease < seconds(1) ? "short" : "long"),
        "it is 1 s to 366 d");
  return transaction<Reservation>([&]() -> Result<Reservation> {
    auto& db = *store_.db_;
    Work work{.db = db, .now = now};
    work.sweep();
    if (auto good = check_use(db, number, owner); !good) {
      db.execute("COMMIT");  // what has run out has ended
      return tl::make_unexpected(std::move(good.error()));
    }
    if (lease) Query(db, "UPDATE reservation SET lease = ? WHERE n = ?", lease->ns, number).run();
    Query(db, "UPDATE reservation SET until = ?1 + lease WHERE n = ?2 AND granted IS NOT NULL", now.ns,
          number)
        .run();
    work.read({});
    const auto mine = std::ranges::find(work.standing, number, &Standing::number);
    if (mine == work.standing.end() || !mine->granted)
      return failure(fmt::format("reservation {} waits still, and has no lease", number));
    return work.shown(*mine);
  });
}

Result<void> Reservations::end(int64_t number, const std::string& owner, UnixTime now) {
  return transaction<void>([&]() -> Result<void> {
    auto& db = *store_.db_;
    Work{.db = db, .now = now}.sweep();
    if (auto good = check_use(db, number, owner); !good) return good;
    Query(db, "UPDATE holding SET ended = ? WHERE reservation = ? AND ended IS NULL", now.ns, number).run();
    Query(db,
          "UPDATE reservation SET ended = ?, outcome = CASE WHEN granted IS NULL THEN 'given up' ELSE "
          "'released' "
          "END WHERE n = ?",
          now.ns, number)
        .run();
    return {};
  });
}

Result<std::vector<Reservation>> Reservations::standing(UnixTime now) const {
  auto& db = *store_.db_;
  std::vector<Reservation> all;
  db.execute("BEGIN");
  auto items = store_.items();
  if (items) {
    Work work{.db = db, .now = now};
    work.read(*items);
    for (const auto& one : work.standing) all.push_back(work.shown(one));
  }
  db.roll_back();
  if (!items) return tl::make_unexpected(std::move(items.error()));
  return db.result(std::move(all));
}

}  // namespace looptwin::twin
