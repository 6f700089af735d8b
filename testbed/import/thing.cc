// Thing Descriptions of the W3C's Web of Things, version 1.1 and 1.0.
#include <fmt/format.h>

#include <algorithm>

#include "testbed/import/imported.h"

namespace looptwin::testbed {
namespace {

/// False where models cannot say it.
bool take_schema(ImportReader& reader, const yaml::Node& affordance, ImportedQuantity& quantity) {
  const auto type = ImportReader::text(affordance, "type");
  if (const auto* words = affordance.find("enum");
      words != nullptr && type != "number" && type != "integer") {
    quantity.words = reader.words(words->items, "");
    quantity.fallback = quantity.words.empty() ? "" : quantity.words[0];
    return !quantity.words.empty();
  }
  if (type == "boolean") {
    const auto* fallback = affordance.find("default");
    const bool on = fallback != nullptr && fallback->text == "true";
    quantity.fallback = on ? "true" : "false";
    if (fallback != nullptr && !on && fallback->text != "false")
      reader.error(fallback->span, "'default' of a boolean is true or false",
                   "write one of them, or leave it out");
    return true;
  }
  if (type != "number" && type != "integer") return false;
  quantity.unit = reader.unit(affordance.find("unit"));
  quantity.low = reader.number(affordance, "minimum");
  quantity.high = reader.number(affordance, "maximum");
  quantity.step = reader.number(affordance, "multipleOf");
  if (quantity.step.empty() && type == "integer") quantity.step = '1';
  quantity.fallback = reader.number(affordance, "default");
  if (quantity.fallback.empty()) quantity.fallback = quantity.low;
  if (quantity.fallback.empty()) quantity.fallback = '0';
  return true;
}

}  // namespace

void read_thing(ImportReader& reader, const yaml::Node& thing, std::vector<ImportedModel>& models) {
  ImportedModel model;
  const auto title = ImportReader::text(thing, "title");
  if (title.empty())
    return reader.error(thing.span, "a Thing Description has a title", R"(write "title": "Lamp")");
  std::string name = title;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  model.name = model_name(name);
  model.about = title;
  const auto each = [&](std::string_view key, auto take) {
    const auto* all = thing.find(key);
    if (all == nullptr) return;
    if (!all->map()) return reader.error(all->span, fmt::format("'{}' holds names with what they are", key));
    for (const auto& entry : all->entries) take(entry);
  };
  each("properties", [&](const yaml::Entry& entry) {
    ImportedQuantity quantity;
    quantity.name = model_name(entry.key);
    if (!take_schema(reader, entry.value, quantity)) {
      const auto type = ImportReader::text(entry.value, "type");
      return model.left_out.push_back(
          fmt::format("{}: {}", quantity.name, type.empty() ? "no type" : "a " + type));
    }
    if (!reader.is_new(model, quantity.name, entry.key_span)) return;
    const bool read_only = ImportReader::text(entry.value, "readOnly") == "true";
    (read_only ? model.fields : model.setpoints).push_back(std::move(quantity));
  });
  each("actions", [&](const yaml::Entry& entry) {
    auto command = model_name(entry.key);
    if (reader.is_new(model, command, entry.key_span)) model.commands.push_back(std::move(command));
  });
  each("events", [&](const yaml::Entry& entry) {
    model.left_out.push_back(
        fmt::format("{}: an event, which devices do not send here", model_name(entry.key)));
  });
  models.push_back(std::move(model));
}

}  // namespace looptwin::testbed
