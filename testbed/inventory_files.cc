#include "testbed/inventory_files.h"

#include <fmt/format.h>

#include <map>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/reading/keys.h"
#include "testbed/reading/values.h"

namespace looptwin::testbed {
namespace {

using twin::InventoryItem;

/// A device as a file has it: what it says, under its keys, with its place.
struct ItemDraft {
  std::string id;
  Span id_span;
  bool retired = false;
  std::map<std::string, std::pair<std::string, Span>> values;
};

Key<ItemDraft> value_key(const std::string& name, std::string about) {
  return {{.name = name, .form = Form::text, .about = std::move(about), .fallback = "none"},
          [name](Reader& reader, const yaml::Entry& entry, ItemDraft& out) {
            if (name != "tags") {
              if (const auto* value = scalar(reader, entry.value, "a text"))
                out.values[name] = {value->text, value->span};
            } else if (const auto tags = texts().read(reader, entry.value)) {
              out.values[name] = {joined(*tags, ";"), entry.value.span};
            }
          }};
}

const Section<ItemDraft>& item_section() {
  using T = ItemDraft;
  static const Section<T> kSection(
      "a device", "device",
      {with_span(required<T>("id", text(), &T::id, "of the device, never used again"), &T::id_span),
       value_key("model", "what it is"), value_key("serial", "what it is to say of itself"),
       value_key("firmware", "what it is to say of itself"), value_key("fixture", "where it stands"),
       value_key("tags", "to choose by"), value_key("calibrated", "the day"),
       value_key("due", "the last day that the calibration is good for"), value_key("notes", "for people"),
       value_key("quarantine", "why it may not be used"),
       optional<T>("state", word<bool>({{"active", false}, {"retired", true}}), &T::retired, "active",
                   "whether it is still there")});
  return kSection;
}

class Importer {
 public:
  Importer(twin::InventoryStore::Edit& edit, bool update) : edit_(edit), update_(update) {}

  Diagnostics problems;
  InventoryCounts counts;

  void take(const yaml::Node& node) {
    static const lang::Units kUnits;
    Reader reader{kUnits, problems};
    ItemDraft draft;
    const size_t before = problems.size();
    item_section().read(reader, node, node.span, draft);
    if (problems.size() != before) return forget_repeated(problems, before);
    const auto [other, fresh] = ids_.emplace(draft.id, draft.id_span);
    if (fresh) return put(draft);
    reader.error(draft.id_span, fmt::format("'{}' is in the file twice", draft.id),
                 fmt::format("the other one is in line {}",
                             line_column(*other->second.source, other->second.begin).line));
  }

 private:
  /// What the store says has no place; the file's gives it one.
  void place(const Span& span, Diagnostics said) {
    for (auto& problem : said) {
      problem.span = span;
      problems.push_back(std::move(problem));
    }
  }

  void put(const ItemDraft& draft) {
    auto found = edit_.find(draft.id);
    if (!found) return place(draft.id_span, std::move(found.error()));
    if (*found && !update_ && !(*found)->retired)
      return problems.push_back({Severity::error, draft.id_span,
                                 fmt::format("'{}' is in the inventory already", draft.id),
                                 "--update gives devices that are there the file's values"});
    InventoryItem item = found->value_or(InventoryItem{.id = draft.id});
    for (const auto& [key, value] : draft.values) (void)twin::set_value(item, key, value.first);
    item.retired = draft.retired || item.retired;
    if (auto good = twin::check_item(item); !good)
      return place(culprit(draft, item), std::move(good.error()));
    if (!*found || !update_) {
      if (const auto added = edit_.add(item); !added) return place(draft.id_span, added.error());
      ++counts.added;
      return;
    }
    const auto version = edit_.update(item);
    if (!version) return place(draft.id_span, version.error());
    ++(*version == (*found)->version ? counts.unchanged : counts.changed);
  }

  /// The value without which the device could be kept; the id where there is none.
  static Span culprit(const ItemDraft& draft, const InventoryItem& item) {
    for (const auto& [key, value] : draft.values) {
      InventoryItem without = item;
      (void)twin::set_value(without, key, "");
      if (twin::check_item(without)) return value.second;
    }
    return draft.id_span;
  }

  twin::InventoryStore::Edit& edit_;
  bool update_;
  std::map<std::string, Span> ids_;
};

std::string json_line(const InventoryItem& item) {
  OrderedJson line{{"id", item.id}};
  const auto values = twin::values_of(item);
  for (const auto& key : twin::item_keys())
    if (key == "tags" && !item.tags.empty())
      line[key] = item.tags;
    else if (const auto value = values.find(key); value != values.end())
      line[key] = value->second;
  line["state"] = item.retired ? "retired" : "active";
  return dump_json(line);
}

}  // namespace

Result<InventoryCounts> import_items(twin::InventoryStore& store, const twin::Author& author,
                                     const InventoryImport& request) {
  auto edit = store.edit(author);
  if (!edit) return tl::make_unexpected(edit.error());
  Importer importer(*edit, request.update);
  if (auto read = read_records(request.file, {"tags"}, importer.problems,
                               [&](const yaml::Node& node) { importer.take(node); });
      !read)
    return tl::make_unexpected(std::move(read.error()));
  if (!importer.problems.empty()) return tl::make_unexpected(std::move(importer.problems));
  if (auto done = edit->commit(); !done) return tl::make_unexpected(done.error());
  return importer.counts;
}

std::string items_text(const std::vector<InventoryItem>& items, FileFormat format) {
  std::string text;
  if (format == FileFormat::json) {
    for (const auto& item : items) text += (text.empty() ? "[\n  " : ",\n  ") + json_line(item);
    return text.empty() ? "[]\n" : text + "\n]\n";
  }
  text = "id," + joined(twin::item_keys(), ",") + ",state\n";
  for (const auto& item : items) {
    append_cell(item.id, text);
    const auto values = twin::values_of(item);
    for (const auto& key : twin::item_keys()) {
      text += ',';
      if (const auto value = values.find(key); value != values.end()) append_cell(value->second, text);
    }
    text += item.retired ? ",retired\n" : ",active\n";
  }
  return text;
}

}  // namespace looptwin::testbed
