#include "testbed/import/imported.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/printable.h"
#include "base/text.h"
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
  if (source->text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
  auto node = read_json(source, problems);
  if (!node) return {};
  if (node->list()) return std::move(node->items);
  std::vector<yaml::Node> one;
  one.push_back(std::move(*node));
  return one;
}

/// A name or a word of theirs. What YAML takes for a truth or for nothing stands in quotes.
std::string as_yaml(const std::string& name) {
  static const char* const kOthers[] = {"true", "false", "on", "off", "yes", "no", "y", "n", "null"};
  std::string small = name;
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(std::begin(kOthers), std::end(kOthers), small) != std::end(kOthers) ? yaml::in_quotes(name)
                                                                                       : name;
}

std::string list_of(const std::vector<std::string>& words) {
  std::vector<std::string> written;
  for (const auto& word : words) written.push_back(as_yaml(word));
  return fmt::format("[{}]", joined(written));
}

/// What a quantity is: `unit: degC`, `enum: [a, b]`, `boolean: true`.
std::string kind_of(const ImportedQuantity& q, bool setpoint) {
  if (!q.words.empty()) return "enum: " + list_of(q.words);
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

std::string ImportReader::number(const yaml::Node& node, std::string_view key) {
  const auto* found = node.find(key);
  if (found == nullptr || found->refused()) return {};
  const bool good = found->scalar() && !found->quoted && found->text != "true" && found->text != "false";
  if (!good)
    error(found->span, fmt::format("'{}' is a number", key), "write it without quotes, or leave it out");
  return good ? found->text : std::string();
}

std::vector<std::string> ImportReader::words(const std::vector<yaml::Node>& nodes, std::string_view key) {
  std::vector<std::string> words;
  std::set<std::string> known;
  for (const auto& node : nodes) {
    const auto theirs = key.empty() ? node.text : text(node, key);
    auto word = model_name(theirs);
    if (!known.insert(word).second)
      error(node.span, fmt::format("'{}' is '{}' here, as another word of it is", theirs, word),
            "rename one of them");
    words.push_back(std::move(word));
  }
  return words;
}

bool ImportReader::is_new(ImportedModel& model, const std::string& name, const Span& span) {
  constexpr size_t kMost = 10'000;  // components of components multiply
  if (model.names.size() >= kMost) {
    if (!model.too_many)
      error(span, fmt::format("'{}' has more than {} quantities and commands", model.name, grouped(kMost)),
            "import its parts one by one");
    model.too_many = true;
    return false;
  }
  if (model.names.insert(name).second) return true;
  error(span, fmt::format("'{}' stands twice in {}, as names are written here", name, model.name),
        "rename one of the two: letters, digits and _ are what tells names apart");
  return false;
}

void ImportReader::error(const Span& span, std::string message, std::string hint) {
  const bool said = std::any_of(problems.begin(), problems.end(), [&](const Diagnostic& problem) {
    return problem.span.source == span.source && problem.span.begin == span.begin &&
           problem.message == message;
  });
  if (!said) problems.push_back({Severity::error, span, std::move(message), std::move(hint)});
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
  std::set<std::string> names;
  for (const auto& model : models)
    if (!names.insert(model.name).second)
      reader.error({source, 0, 0}, fmt::format("two models of this file are called '{}' here", model.name),
                   "import them from files of their own");
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
      printable(from));
  for (const auto& model : models) {
    if (!model.about.empty()) out += fmt::format("  # {}\n", printable(model.about));
    for (const auto& left : model.left_out) out += fmt::format("  # Left out: {}\n", printable(left));
    out += fmt::format("  {}:\n", as_yaml(model.name));
    if (!model.fields.empty()) out += "    telemetry:\n";
    for (const auto& q : model.fields) {
      out += fmt::format("      {}: {{{}, every: {}", as_yaml(q.name), keys_of(q, false), to_string(every));
      const bool steps =
          q.step.empty() && q.words.empty() && !q.unit.empty() && (q.low.empty() || q.high.empty());
      if (!q.step.empty() || steps) out += fmt::format(", resolution: {}", steps ? "0.001" : q.step);
      out += "}\n";
    }
    if (!model.setpoints.empty()) out += "    setpoints:\n";
    for (const auto& q : model.setpoints) {
      const auto keys = keys_of(q, true);
      out += fmt::format("      {}: {{{}{}default: {}}}\n", as_yaml(q.name), keys, keys.empty() ? "" : ", ",
                         q.words.empty() ? q.fallback : as_yaml(q.fallback));
    }
    if (!model.commands.empty()) out += "    commands:\n";
    for (const auto& command : model.commands) out += fmt::format("      {}: {{}}\n", as_yaml(command));
    if (model.fields.empty() && model.setpoints.empty() && model.commands.empty())
      out += "    telemetry: {}\n";
  }
  return out;
}

}  // namespace looptwin::testbed
