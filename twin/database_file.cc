#include "twin/database_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <system_error>

namespace looptwin::twin {
namespace {

int number(Database& db, const char* pragma) {
  Query query(db, pragma);
  return query.next() ? static_cast<int>(query.integer(0)) : 0;
}

int schema_of(const DatabaseKind& kind) { return static_cast<int>(kind.migrations.size()); }

void migrate(Database& db, int from) {
  const int schema = schema_of(db.kind());
  if (from == schema) return;
  if (db.read_only())
    return db.fail(fmt::format("{} has the older schema {}, and cannot be written to be brought up to {}",
                               db.path().string(), from, schema),
                   "make it writable once, or read a copy");
  db.execute("BEGIN IMMEDIATE");
  // Another process may have done it while this one waited.
  from = number(db, "PRAGMA user_version");
  for (int at = from; at < schema; ++at) db.execute(db.kind().migrations[static_cast<size_t>(at)]);
  db.execute(fmt::format("PRAGMA user_version = {}; COMMIT", schema));
  db.roll_back();
}

}  // namespace

void recognise(Database& db) {
  const auto& kind = db.kind();
  const int application = number(db, "PRAGMA application_id");
  const int schema = number(db, "PRAGMA user_version");
  const auto file = db.path().string();
  if (!db.ok()) return;
  if (application != kind.application)
    return db.fail(fmt::format("{} is a database, but no {} of looptwin", file, kind.what), kind.maker);
  if (schema > schema_of(kind) || schema < 1)
    return db.fail(fmt::format("{} was written by a newer looptwin: it has schema {}, this one knows {}",
                               file, schema, schema_of(kind)),
                   "use the newer looptwin, or import what that one exports");
  migrate(db, schema);
}

Result<void> create_database(const std::filesystem::path& path, const DatabaseKind& kind, mode_t mode,
                             const std::function<void(Database&)>& fill) {
  // Made under another name: it is there in full, or not.
  const std::filesystem::path made = fmt::format("{}.new-{}", path.string(), ::getpid());
  std::error_code failed;
  if (std::filesystem::exists(path, failed))
    return failure(fmt::format("{} exists", path.string()), "choose another name, or remove it");
  // With its permissions from its first byte on.
  if (const int empty = ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode); empty >= 0)
    ::close(empty);
  auto db = std::make_optional<Database>(made, kind, true);
  db->execute("BEGIN IMMEDIATE");
  for (const char* migration : kind.migrations) db->execute(migration);
  if (fill) fill(*db);
  db->execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", kind.application,
                          schema_of(kind)));
  auto done = db->result();
  db.reset();
  if (done) {
    std::filesystem::create_hard_link(made, path, failed);  // unlike a rename it replaces nothing
    if (failed) done = failure(fmt::format("{} cannot be made: {}", path.string(), failed.message()));
  } else {
    done.error().front().message =
        fmt::format("{} cannot be made: its folder is not there, or read-only", path.string());
  }
  std::filesystem::remove(made, failed);
  return done;
}

Result<void> find_database(const std::filesystem::path& path, const DatabaseKind& kind) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed))
    return failure(fmt::format("there is no {} {}", kind.what, path.string()), kind.maker);
  return {};
}

void check_integrity(Database& db) {
  Query query(db, "PRAGMA integrity_check(5)");
  while (query.next())
    if (const auto said = query.text(0); said != "ok")
      db.fail(fmt::format("{} is damaged: {}", db.path().string(), said), "take the last good copy");
}

int64_t data_version(Database& db) {
  Query query(db, "PRAGMA data_version");
  return query.next() ? query.integer(0) : 0;
}

}  // namespace looptwin::twin
