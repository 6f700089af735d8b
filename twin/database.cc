#include "twin/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace looptwin::twin {

Database::Database(std::filesystem::path path, const DatabaseKind& kind, bool create)
    : path_(std::move(path)), kind_(kind) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
  // Of a bare name SQLite may think that it is no file's: ":memory:".
  const auto file = std::filesystem::absolute(path_);
  if (const int code = sqlite3_open_v2(file.c_str(), &db_, flags, nullptr); code != SQLITE_OK)
    fail_sqlite(code);
  else
    sqlite3_busy_timeout(db_, kind_.patience_ms);
}

Database::~Database() {
  for (const auto& [text, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);  // rolls back what is open
}

bool Database::read_only() const { return sqlite3_db_readonly(db_, "main") == 1; }

void Database::fail(std::string message, std::string hint) {
  if (ok()) problems_ = failure(std::move(message), std::move(hint)).value();
}

void Database::fail_sqlite(int code) {
  const auto file = path_.string();
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(fmt::format("{} is locked by another process", file), "try again when that has finished");
    case SQLITE_CORRUPT:
      return fail(fmt::format("{} is damaged: {}", file, sqlite3_errmsg(db_)),
                  "take the last good copy; `sqlite3 FILE .recover` shows what can be saved");
    case SQLITE_NOTADB:
      return fail(fmt::format("{} is no SQLite database, so no {}", file, kind_.what), kind_.maker);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return fail(
          fmt::format("{} cannot be written: the file or its folder is read-only, or not there", file));
    case SQLITE_FULL:
      return fail(fmt::format("{} cannot be written: the disk is full", file));
    default:
      return fail(fmt::format("{}: {}", file, sqlite3_errmsg(db_)));
  }
}

void Database::execute(const std::string& sql) {
  if (!ok()) return;
  if (const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    fail_sqlite(code);
}

int64_t Database::last_row() const { return sqlite3_last_insert_rowid(db_); }

void Database::roll_back() {
  if (db_ && sqlite3_get_autocommit(db_) == 0) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Query::Query(Database& database, const char* sql) : database_(database) {
  if (!database_.ok()) return;
  auto& kept = database_.statements_[sql];
  if (!kept)
    if (const int code =
            sqlite3_prepare_v3(database_.db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &kept, nullptr);
        code != SQLITE_OK)
      database_.fail_sqlite(code);
  statement_ = kept;
}

Query::~Query() {
  if (statement_) sqlite3_reset(statement_);
}

bool Query::next() {
  if (!statement_ || !database_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) database_.fail_sqlite(code);
  return code == SQLITE_ROW;
}

int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Query::text(int column) const {
  // Blobs, too: asked for first, so that a text of theirs is not made.
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return bytes ? std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : "";
}

std::optional<std::string> Query::text_or_null(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return text(column);
}

void Query::bind(int at, int64_t value) {
  if (statement_) sqlite3_bind_int64(statement_, at, value);
}

void Query::bind(int at, std::string_view value) {
  if (statement_)
    sqlite3_bind_text64(statement_, at, value.data() ? value.data() : "", value.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
}

void Query::bind(int at, const std::optional<std::string>& value) {
  if (value)
    bind(at, std::string_view(*value));
  else if (statement_)
    sqlite3_bind_null(statement_, at);
}

}  // namespace looptwin::twin
