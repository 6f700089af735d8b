#include "lang/schema.h"

#include "base/check.h"

namespace looptwin::lang {

size_t size_of(Storage storage) {
  switch (storage) {
    case Storage::f64:
      return 8;
    case Storage::boolean:
      return 1;
    case Storage::code:
      return 1;
    case Storage::row:
      return 4;
    case Storage::instant:
      return 8;
  }
  LT_CHECK(false, "an unknown storage");
}

ColumnId Schema::add_column(TableId t, Column column) {
  LT_CHECK(t.valid() && t.index() < tables.size(),
           "a column for a table that does not exist: " + column.name);
  Table& table = tables[t.index()];
  LT_CHECK(table.column_names.insert(column.name).second, "two columns of one name: " + column.name);
  table.columns.push_back(std::move(column));
  return ColumnId(table.columns.size() - 1);
}

}  // namespace looptwin::lang
