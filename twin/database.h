// One SQLite database, the only place that knows SQLite. The first thing that goes wrong is kept as a
// diagnostic, and from then on queries do nothing: who uses it writes straight on, and asks at the end of an
// operation with result(). One thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace looptwin::twin {

/// What files of one kind are known by, and how their tables came to be.
struct DatabaseKind {
  int application = 0;     ///< PRAGMA application_id: what `file` and we know them by
  const char* what = "";   ///< "registry"
  const char* maker = "";  ///< "looptwin registry init makes a new one"
  /// Entry i leads from schema i to schema i + 1. Entries are never changed, only added.
  std::span<const char* const> migrations;
  int patience_ms = 5000;  ///< how long another process is waited for
};

class Database {
 public:
  /// A file that is there; `create`: or a new one. It is read-only where the file system says so. The kind
  /// outlives it.
  Database(std::filesystem::path path, const DatabaseKind& kind, bool create);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const DatabaseKind& kind() const { return kind_; }
  bool read_only() const;
  bool ok() const { return problems_.empty(); }
  void fail(std::string message, std::string hint = {});
  /// The value, or what went wrong since the last time that anybody asked.
  template <typename T>
  Result<T> result(T value) {
    if (!ok()) return tl::make_unexpected(std::exchange(problems_, {}));
    return value;
  }
  Result<void> result() {
    if (!ok()) return tl::make_unexpected(std::exchange(problems_, {}));
    return {};
  }

  /// Statements without values.
  void execute(const std::string& sql);
  /// The integer key of the row that was inserted last.
  int64_t last_row() const;
  /// Ends a transaction without what it did, also after something went wrong.
  void roll_back();

 private:
  friend class Query;
  void fail_sqlite(int code);

  std::filesystem::path path_;
  const DatabaseKind& kind_;
  sqlite3* db_ = nullptr;
  std::map<const char*, sqlite3_stmt*> statements_;  ///< by their texts' addresses
  Diagnostics problems_;
};

/// One use of a statement, which stays prepared in its database. `sql` is a literal; its `?` are bound in
/// turn.
class Query {
 public:
  template <typename... Values>
  Query(Database& database, const char* sql, const Values&... values) : Query(database, sql) {
    int at = 0;
    (bind(++at, values), ...);
  }
  Query(Database& database, const char* sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  /// Whether there is a further row.
  bool next();
  /// Of statements that give no rows.
  void run() { next(); }

  int64_t integer(int column) const;
  std::string text(int column) const;
  std::optional<std::string> text_or_null(int column) const;

 private:
  void bind(int at, int64_t value);
  void bind(int at, uint64_t value) { bind(at, static_cast<int64_t>(value)); }
  void bind(int at, std::string_view value);
  void bind(int at, const std::string& value) { bind(at, std::string_view(value)); }
  void bind(int at, const std::optional<std::string>& value);

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace looptwin::twin
