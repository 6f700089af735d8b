// A database as a file of its own kind: made in full or not at all, known by its number, and brought up to
// date when it was written by an older looptwin.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>

#include "base/result.h"
#include "twin/database.h"

namespace looptwin::twin {

/// A new file of the newest schema, with the permissions `mode`; refused where there is one. `fill` writes
/// what each of its kind begins with, in the same transaction.
Result<void> create_database(const std::filesystem::path& path, const DatabaseKind& kind, mode_t mode,
                             const std::function<void(Database&)>& fill = {});
/// A failure where no such file is there.
Result<void> find_database(const std::filesystem::path& path, const DatabaseKind& kind);
/// Whether the file is of its kind and can be read by this program; an older schema is brought up to date.
/// What is wrong is the database's diagnostic.
void recognise(Database& db);
/// Reads all of it; damage is the database's diagnostic.
void check_integrity(Database& db);
/// Another number once somebody else has changed the file.
int64_t data_version(Database& db);

}  // namespace looptwin::twin
