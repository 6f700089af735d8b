#include "testbed/import/imported.h"

#include <fmt/format.h>

#include <algorithm>

#include "testbed/reading/json.h"

namespace looptwin::testbed {
namespace {

bool is_thing(const yaml::Node& node) {
  const auto* context = node.find("@context");
  if (context == nullptr) return node.find("properties") != nullptr && node.find("title") != nullptr;
  const auto says = [](const yaml::Node& n) {
    return n.scalar() && n.text.find("w3.org") != std::string::npos;
  };
  return says(*context) || std::any_of(context->items.begin(), context->items.end(), says);
}

/// The documents of a file: one object, or a list of them.
std::vector<yaml::Node> documents_of(const SourcePtr& source, Diagnostics& problems) {
  const auto first = source->text.find_first_not_of(" \t\r\n");
  const bool list = first != std::string::npos && source->text[first] == '[';
  // One object is read as a list of one.
  const auto whole =
      list ? source : std::make_shared<const Source>(Source{source->name, "[" + source->text + "]"});
  JsonArray array(whole, problems);
  std::vector<yaml::Node> documents;
  while (auto node = array.next()) documents.push_back(std::move(*node));
  return documents;
}

std::string quoted_words(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return "[" + text + "]";
}

/// What a quantity is: `unit: degC`, `enum: [a, b]`, `boolean: true`.
std::string kind_of(const ImportedQuantity& q, bool setpoint) {
  if (!q.words.empty()) return "enum: " + quoted_words(q.words);
  // `%` and `1` are no words to YAML, and N would be a truth.
  const bool word =
      !q.unit.empty() && std::isalpha(static_cast<unsigned char>(q.unit[0])) != 0 && q.unit != "N";
  if (!q.unit.empty()) return "unit: " + (word ? q.unit : yaml::in_quotes(q.unit));
  return setpoint ? "" : "boolean: true";
}

std::string keys_of(const ImportedQuantity& q, bool setpoint) {
  std::string text = kind_of(q, setpoint);
  const auto add = [&](const std::string& key) { text += (text.empty() ? "" : ", ") + key; };
  if (!q.low.empty() && !q.high.empty()) add(fmt::format("range: [{}, {}]", q.low, q.high));
  return text;
}

}  // namespace

std::string model_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool good = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_';
    name += good ? c : '_';
  }
  if (name.empty() || ('0' <= name[0] && name[0] <= '9')) name.insert(name.begin(), '_');
  return name;
}

std::string ImportReader::text(const yaml::Node& node, std::string_view key) {
  const auto* found = node.find(key);
  return found != nullptr && found->scalar() ? found->text : std::string();
}

std::string ImportReader::unit(const yaml::Node* node) {
  if (node == nullptr || !node->scalar() || node->text.empty()) return "1";
  for (const auto& [theirs, ours] : unit_names)
    if (theirs == node->text) return ours;
  if (auto known = unit_of(node->text)) return *known;
  error(node->span, fmt::format("'{}' is no unit that is known here", node->text),
        fmt::format("say what it is: --unit '{}=UNIT', as kW or 1", node->text));
  return "1";
}

Result<std::vector<ImportedModel>> read_models(const SourcePtr& source, const UnitNames& unit_names) {
  Diagnostics problems;
  const lang::Units units;
  for (const auto& [theirs, ours] : unit_names) {
    const auto text = std::make_shared<const Source>(Source{"--unit", ours});
    if (const auto unit = units.unit({text, 0, static_cast<uint32_t>(ours.size())}); !unit)
      problems.insert(problems.end(), unit.error().begin(), unit.error().end());
  }
  const auto documents = documents_of(source, problems);
  ImportReader reader{problems, unit_names, units};
  std::vector<ImportedModel> models;
  std::vector<const yaml::Node*> interfaces;
  for (const auto& document : documents) {
    if (!document.map())
      reader.error(document.span, "an interface of DTDL or a Thing Description is an object");
    else if (is_thing(document))
      read_thing(reader, document, models);
    else
      interfaces.push_back(&document);
  }
  read_interfaces(reader, interfaces, models);
  if (models.empty() && problems.empty())
    reader.error({source, 0, 0}, "nothing here is a model",
                 "give an interface of DTDL 2 or 3, or a Thing Description");
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return models;
}

std::string models_text(const std::vector<ImportedModel>& models, const std::string& from, Duration every) {
  std::string out = fmt::format(
      "# From {}. Periods are a guess: it does not say how often devices report. So are resolutions of "
      "0.001.\n"
      "models:\n",
      from);
  for (const auto& model : models) {
    if (!model.about.empty()) out += fmt::format("  # {}\n", model.about);
    for (const auto& left : model.left_out) out += fmt::format("  # Left out: {}\n", left);
    out += fmt::format("  {}:\n", model.name);
    if (!model.fields.empty()) out += "    telemetry:\n";
    for (const auto& q : model.fields) {
      out += fmt::format("      {}: {{{}, every: {}", q.name, keys_of(q, false), to_string(every));
      const bool steps =
          q.step.empty() && q.words.empty() && !q.unit.empty() && (q.low.empty() || q.high.empty());
      if (!q.step.empty() || steps) out += fmt::format(", resolution: {}", steps ? "0.001" : q.step);
      out += "}\n";
    }
    if (!model.setpoints.empty()) out += "    setpoints:\n";
    for (const auto& q : model.setpoints) {
      const auto keys = keys_of(q, true);
      out +=
          fmt::format("      {}: {{{}{}default: {}}}\n", q.name, keys, keys.empty() ? "" : ", ", q.fallback);
    }
    if (!model.commands.empty()) out += "    commands:\n";
    for (const auto& command : model.commands) out += fmt::format("      {}: {{}}\n", command);
    if (model.fields.empty() && model.setpoints.empty() && model.commands.empty())
      out += "    telemetry: {}\n";
  }
  return out;
}

}  // namespace looptwin::testbed
