// Interfaces of the Digital Twins Definition Language, versions 2 and 3.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "testbed/import/imported.h"

namespace looptwin::testbed {
namespace {

constexpr int kDeepest = 8;  // components of components, and interfaces that extend others
constexpr size_t kMostParts = 10'000;

/// A text, or the first of its languages.
std::string display(const yaml::Node& node, std::string_view key) {
  const auto* found = node.find(key);
  if (found == nullptr) return {};
  if (found->scalar()) return found->text;
  return found->entries.empty() ? std::string() : found->entries[0].value.text;
}

/// Whether "@type" is it, or has it.
bool is_a(const yaml::Node& node, std::string_view type) {
  const auto* found = node.find("@type");
  if (found == nullptr) return false;
  return found->text == type || std::any_of(found->items.begin(), found->items.end(),
                                            [&](const auto& item) { return item.text == type; });
}

class Interfaces {
 public:
  Interfaces(ImportReader& reader, const std::vector<const yaml::Node*>& documents)
      : reader_(reader), documents_(documents) {}

  void read(std::vector<ImportedModel>& models) {
    if (any_in_itself()) return;
    for (const auto* document : documents_) {
      if (!is_a(*document, "Interface")) {
        reader_.error(document->span, "this is neither an interface of DTDL nor a Thing Description",
                      R"(write "@type": "Interface", or "@context": "https://www.w3.org/2022/wot/td/v1.1")");
        continue;
      }
      if (!version_is_known(*document) || used_as_part(*document)) continue;
      const auto id = ImportReader::text(*document, "@id");
      ImportedModel model;
      model.name = name_of(id);
      model.about = fmt::format("{}{}{}", id, display(*document, "displayName").empty() ? "" : ": ",
                                display(*document, "displayName"));
      taken_.clear();
      stopped_ = false;
      take(*document, "", model, 0);
      models.push_back(std::move(model));
    }
  }

 private:
  /// dtmi:com:example:Thermostat;1 is thermostat.
  static std::string name_of(const std::string& id) {
    auto name = id.substr(0, id.find(';'));
    if (const auto colon = name.rfind(':'); colon != std::string::npos) name = name.substr(colon + 1);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return model_name(name);
  }

  bool version_is_known(const yaml::Node& document) {
    const auto* context = document.find("@context");
    const auto known = [](const yaml::Node& node) {
      return node.text == "dtmi:dtdl:context;2" || node.text.starts_with("dtmi:dtdl:context;3");
    };
    if (context != nullptr &&
        (known(*context) || std::any_of(context->items.begin(), context->items.end(), known)))
      return true;
    reader_.error(context != nullptr ? context->span : document.span, "the version of DTDL is not known",
                  R"(write "@context": "dtmi:dtdl:context;3", or ;2)");
    return false;
  }

  const yaml::Node* find(const std::string& id) const {
    const auto found = std::find_if(documents_.begin(), documents_.end(),
                                    [&](const auto* d) { return ImportReader::text(*d, "@id") == id; });
    return found != documents_.end() ? *found : nullptr;
  }

  static std::vector<const yaml::Node*> bases_of(const yaml::Node& interface) {
    std::vector<const yaml::Node*> bases;
    if (const auto* extends = interface.find("extends")) {
      bases.push_back(extends);
      for (const auto& item : extends->items) bases.push_back(&item);
    }
    return bases;
  }

  /// Reports interfaces that are extended by what they extend, or are a component of their own.
  bool any_in_itself() {
    const size_t before = reader_.problems.size();
    std::set<const yaml::Node*> done;
    std::vector<const yaml::Node*> within;
    for (const auto* document : documents_) look_within(*document, within, done);
    return reader_.problems.size() != before;
  }

  /// `within`: from the outermost interface to the one that this is part of.
  void look_within(const yaml::Node& interface, std::vector<const yaml::Node*>& within,
                   std::set<const yaml::Node*>& done) {
    if (!done.insert(&interface).second) return;
    within.push_back(&interface);
    auto parts = bases_of(interface);
    if (const auto* contents = interface.find("contents"))
      for (const auto& content : contents->items)
        if (const auto* schema = content.find("schema"); schema != nullptr && is_a(content, "Component"))
          parts.push_back(schema);
    for (const auto* part : parts) {
      const auto* found = part->map() ? part : part->scalar() ? find(part->text) : nullptr;
      if (found == nullptr) continue;
      const auto again = std::find(within.begin(), within.end(), found);
      if (again == within.end()) {
        look_within(*found, within, done);
        continue;
      }
      std::string way;
      for (auto one = again; one != within.end(); ++one) way += ImportReader::text(**one, "@id") + ", then ";
      reader_.error(part->span, fmt::format("an interface is part of itself: {}{}", way, part->text),
                    "take it out of what it extends, or out of its components");
    }
    within.pop_back();
  }

  /// Whether another interface of the file has it as a component, or extends it: then it is no device itself.
  bool used_as_part(const yaml::Node& part) const {
    const auto id = ImportReader::text(part, "@id");
    const auto names = [&](const yaml::Node* node) {
      return node != nullptr &&
             (node->text == id || std::any_of(node->items.begin(), node->items.end(),
                                              [&](const auto& n) { return n.text == id; }));
    };
    return std::any_of(documents_.begin(), documents_.end(), [&](const auto* d) {
      if (d == &part) return false;
      if (names(d->find("extends"))) return true;
      const auto* contents = d->find("contents");
      return contents != nullptr &&
             std::any_of(contents->items.begin(), contents->items.end(), [&](const auto& content) {
               return is_a(content, "Component") && names(content.find("schema"));
             });
    });
  }

  void take(const yaml::Node& interface, const std::string& prefix, ImportedModel& model, int depth) {
    if (depth > kDeepest)
      stop(interface.span, fmt::format("more than {} interfaces within one another", kDeepest));
    if (taken_.size() > kMostParts)
      stop(interface.span, fmt::format("'{}' has more than {} parts", model.name, grouped(kMostParts)));
    // A base of two bases is one, and what is wrong once is not gone through again.
    if (stopped_ || model.too_many || !taken_.emplace(&interface, prefix).second) return;
    for (const auto* base : bases_of(interface)) take_reference(*base, prefix, model, depth);
    const auto* contents = interface.find("contents");
    if (contents == nullptr) return;
    if (!contents->list()) return reader_.error(contents->span, "'contents' is a list");
    for (const auto& content : contents->items) take_content(content, prefix, model, depth);
  }

  void stop(const Span& span, std::string why) {
    if (!stopped_) reader_.error(span, std::move(why));
    stopped_ = true;
  }

  void take_reference(const yaml::Node& node, const std::string& prefix, ImportedModel& model, int depth) {
    if (node.map()) return take(node, prefix, model, depth + 1);
    if (!node.scalar()) return;
    if (const auto* found = find(node.text)) return take(*found, prefix, model, depth + 1);
    reader_.error(node.span, fmt::format("{} is not in this file", node.text),
                  "put both into one file, as a list");
  }

  void take_content(const yaml::Node& content, const std::string& prefix, ImportedModel& model, int depth) {
    const auto* name = content.find("name");
    if (name == nullptr || !name->scalar())
      return reader_.error(content.span, "each of the contents has a name", R"(write "name": "temperature")");
    const auto full = prefix + model_name(name->text);
    const auto* schema = content.find("schema");
    if (is_a(content, "Component")) {
      if (schema != nullptr) take_reference(*schema, full + "_", model, depth);
      return;
    }
    if (is_a(content, "Command")) {
      if (reader_.is_new(model, full, name->span)) model.commands.push_back(full);
      return;
    }
    if (is_a(content, "Relationship"))
      return model.left_out.push_back(fmt::format("{}: a relationship, which relations: says", full));
    const bool telemetry = is_a(content, "Telemetry");
    if (!telemetry && !is_a(content, "Property"))
      return reader_.error(content.span, fmt::format("'{}' is of no type that is known", name->text),
                           "types: Telemetry, Property, Command, Component, Relationship");
    if (schema == nullptr) return reader_.error(content.span, fmt::format("'{}' has no schema", name->text));
    ImportedQuantity quantity;
    quantity.name = full;
    if (!take_schema(*schema, content, quantity))
      return model.left_out.push_back(fmt::format(
          "{}: a {}", full, schema->scalar() ? schema->text : ImportReader::text(*schema, "@type")));
    if (!reader_.is_new(model, full, name->span)) return;
    const bool writable = ImportReader::text(content, "writable") == "true";
    (writable ? model.setpoints : model.fields).push_back(std::move(quantity));
  }

  /// False where models cannot say it.
  bool take_schema(const yaml::Node& schema, const yaml::Node& content, ImportedQuantity& quantity) {
    static const char* const kNumbers[] = {"double",       "float",        "integer",      "long",
                                           "byte",         "short",        "decimal",      "unsignedInteger",
                                           "unsignedLong", "unsignedByte", "unsignedShort"};
    if (schema.scalar()) {
      quantity.fallback = schema.text == "boolean" ? "false" : "0";
      if (schema.text == "boolean") return true;
      if (std::find(std::begin(kNumbers), std::end(kNumbers), schema.text) == std::end(kNumbers))
        return false;
      quantity.unit = reader_.unit(content.find("unit"));
      if (schema.text != "double" && schema.text != "float" && schema.text != "decimal") quantity.step = "1";
      return true;
    }
    const auto* values = is_a(schema, "Enum") ? schema.find("enumValues") : nullptr;
    if (values == nullptr) return false;
    quantity.words = reader_.words(values->items, "name");
    if (!quantity.words.empty()) quantity.fallback = quantity.words[0];
    return !quantity.words.empty();
  }

  ImportReader& reader_;
  const std::vector<const yaml::Node*>& documents_;
  std::set<std::pair<const yaml::Node*, std::string>> taken_;  ///< of this model, under which prefix
  bool stopped_ = false;
};

}  // namespace

void read_interfaces(ImportReader& reader, const std::vector<const yaml::Node*>& documents,
                     std::vector<ImportedModel>& models) {
  Interfaces(reader, documents).read(models);
}

}  // namespace looptwin::testbed
