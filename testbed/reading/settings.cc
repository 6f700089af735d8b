#include "testbed/reading/settings.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace looptwin::testbed {
namespace {

using yaml::Entry;
using yaml::Node;

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t dot; (dot = path.find('.', begin)) != std::string::npos; begin = dot + 1)
    parts.push_back(path.substr(begin, dot - begin));
  parts.push_back(path.substr(begin));
  return parts;
}

/// Goes down one path, through the tree and through the tables of keys at the same time.
class Descent {
 public:
  /// `what`: what asks for the path, before it in messages.
  Descent(const Setting& setting, const SectionInfo& root_section, Diagnostics& problems,
          std::string what = "--set ")
      : parts_(split(setting.path)), problems_(problems), what_(std::move(what)) {
    source_ = std::make_shared<const Source>(Source{what_ + setting.path, setting.value});
    here_.form = Form::section;
    here_.section = &root_section;
  }

  void run(Node& root) {
    if (parts_.front() == "use") {
      problems_.push_back(
          {Severity::error,
           {},
           fmt::format("{}{}: files are joined before values are set", what_, path(parts_.size())),
           "write use: in the scenario's files"});
      return;
    }
    if (source_->text.find_first_not_of(" \t\r\n") == std::string::npos) {
      problems_.push_back({Severity::error,
                           {},
                           fmt::format("{}{}: nothing stands behind its =", what_, path(parts_.size())),
                           fmt::format("write {}{}=VALUE", what_, path(parts_.size()))});
      return;
    }
    Diagnostics found;
    auto value = yaml::parse(source_, found).root;
    problems_.insert(problems_.end(), found.begin(), found.end());
    if (!found.empty()) return;
    if (Node* node = reach(root)) *node = std::move(value);
  }

  /// The node at the path, made if it is allowed; null after a message.
  Node* reach(Node& root) {
    Node* node = &root;
    for (at_ = 0; at_ < parts_.size() && node; ++at_) node = step(*node);
    return node;
  }
  /// It was made by reach(): nobody has written it.
  bool made(const Node& node) const { return node.span.source == source_; }

 private:
  /// The child that the present part names, made if it is allowed; null after a message.
  Node* step(Node& node) {
    const auto& part = parts_[at_];
    if (here_.form == Form::list || (here_.form == Form::one_or_more && node.list())) return item(node, part);
    const bool section = here_.form == Form::section || here_.form == Form::one_or_more || in_named_;
    if (here_.form == Form::named && !in_named_) return named(node, part);
    if (section && here_.section) return key(node, part);
    if (node.map()) return existing(node, part);
    if (node.list()) return item(node, part);
    problems_.push_back(
        {Severity::error,
         {},
         fmt::format("{}{}: '{}' holds one value, which has no parts", what_, path(parts_.size()), path(at_)),
         fmt::format("write {}{}{}", what_, path(at_), what_.empty() ? "" : "=...")});
    return nullptr;
  }

  Node* item(Node& node, const std::string& part) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = error == std::errc() && end == part.data() + part.size();
    if (is_index && index == node.items.size() && here_.form == Form::list && here_.section) {
      node.items.emplace_back().span = whole();
      here_.form = Form::section;
      return &node.items.back();
    }
    if (!is_index || index >= node.items.size()) {
      unknown(part, {},
              fmt::format("{} has {} item{}, numbered from 0", path(at_), node.items.size(),
                          node.items.size() == 1 ? "" : "s"));
      return nullptr;
    }
    if (here_.section) here_.form = Form::section;
    return &node.items[index];
  }

  Node* named(Node& node, const std::string& part) {
    Node* child = existing(node, part);
    in_named_ = true;
    return child;
  }

  Node* key(Node& node, const std::string& part) {
    const auto& keys = here_.section->keys;
    const auto info =
        std::find_if(keys.begin(), keys.end(), [&](const KeyInfo& k) { return k.name == part; });
    const bool other = info == keys.end() && here_.section->others;
    if (info == keys.end() && !other) {
      unknown(part, here_.section->key_names(), {});
      return nullptr;
    }
    here_ = other ? *here_.section->others : *info;
    in_named_ = false;
    if (!node.map()) {
      node = Node{};
      node.span = whole();
    }
    if (Node* child = node.find(part)) return child;
    Entry entry{part, whole(), {}};
    entry.value.span = whole();
    if (here_.form == Form::list) entry.value.is = Node::Is::list;
    node.entries.push_back(std::move(entry));
    return &node.entries.back().value;
  }

  /// A name that the files have given: a path does not make new models, rules or devices.
  Node* existing(Node& node, const std::string& part) {
    if (Node* child = node.find(part)) return child;
    std::vector<std::string> names;
    for (const auto& entry : node.entries) names.push_back(entry.key);
    unknown(part, names, {});
    return nullptr;
  }

  void unknown(const std::string& part, const std::vector<std::string>& names, std::string hint) {
    if (const auto near = nearest(part, names); !near.empty()) {
      auto parts = parts_;
      parts[at_] = near;
      hint = fmt::format("did you mean {}?", joined(parts, "."));
    } else if (!names.empty()) {
      hint = fmt::format("{} has: {}", at_ == 0 ? "a scenario" : path(at_), joined(names));
    }
    problems_.push_back({Severity::error,
                         {},
                         fmt::format("{}{}: there is no '{}'{}", what_, path(parts_.size()), part,
                                     at_ == 0 ? "" : fmt::format(" in {}", path(at_))),
                         hint});
  }

  std::string path(size_t count) const { return joined(std::span(parts_).first(count), "."); }
  Span whole() const { return {source_, 0, static_cast<uint32_t>(source_->text.size())}; }

  std::vector<std::string> parts_;
  Diagnostics& problems_;
  std::string what_;
  SourcePtr source_;
  KeyInfo here_;           ///< what the tables say of the node that was reached
  bool in_named_ = false;  ///< that node is one of the sections of a map of names
  size_t at_ = 0;
};

}  // namespace

void apply(const std::vector<Setting>& settings, const SectionInfo& root_section, Node& root,
           Diagnostics& problems) {
  for (const auto& setting : settings) Descent(setting, root_section, problems).run(root);
}

std::optional<Node> find(const std::string& path, const SectionInfo& root_section, Node root,
                         Diagnostics& problems) {
  Descent descent({path, ""}, root_section, problems, "");
  const Node* node = descent.reach(root);
  if (node == nullptr || descent.made(*node)) return std::nullopt;
  return *node;
}

}  // namespace looptwin::testbed
