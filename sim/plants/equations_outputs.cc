#include "sim/plants/equations_outputs.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "sim/expressions.h"

namespace looptwin::sim {
namespace {

using lang::Symbol;

class Blame {
 public:
  Blame(const std::vector<OpenOutput>& open, const EquationKinds& kinds, const lang::Scopes& scopes)
      : open_(open), kinds_(kinds), scopes_(scopes) {}

  Diagnostics run(const std::function<bool(const Span&)>& uses_lost) const {
    Diagnostics problems;
    bool circle = !open_.empty();
    for (size_t i = 0; i < open_.size(); ++i) {
      bool waits = false;
      for (size_t other = 0; other < open_.size() && !waits; ++other) waits = waits_for(i, other);
      const bool consequence = uses_lost(open_[i].named->text);
      if (!waits || consequence) circle = false;
      if (!waits && !consequence)
        problems.insert(problems.end(), open_[i].problems.begin(), open_[i].problems.end());
    }
    if (circle) problems.push_back(circle_of());
    return problems;
  }

 private:
  bool waits_for(size_t line, size_t other) const {
    return line == other ? reads_itself(line) : mentions(open_[line].named->text, open_[other].named->name);
  }

  /// By its bare name, or as that of another element of its kind: `from.flow` in a line `flow` may be of
  /// another kind.
  bool reads_itself(size_t line) const {
    const auto& [kind, named, problems] = open_[line];
    const Span& span = named->text;
    const auto text = std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
    const auto& name = named->name;
    for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
      const size_t end = at + name.size();
      if ((at > 0 && in_word(text[at - 1])) || (end < text.size() && in_word(text[end]))) continue;
      if (kind_before(text.substr(0, at), kind) == kind) return true;
    }
    return false;
  }

  static bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

  /// The kind to which the relations lead that stand before a name, each with a dot; `kind` where none does.
  std::optional<size_t> kind_before(std::string_view text, size_t kind) const {
    if (text.empty() || text.back() != '.') return kind;
    text.remove_suffix(1);
    size_t begin = text.size();
    while (begin > 0 && in_word(text[begin - 1])) --begin;
    const auto from = kind_before(text.substr(0, begin), kind);
    if (!from) return std::nullopt;
    const auto& names = scopes_.of_table[*from].names;
    const auto found = names.find(std::string(text.substr(begin)));
    if (found == names.end() || found->second.is != Symbol::Is::relation) return std::nullopt;
    return kinds_.schema.tables[*from].relations[found->second.relation.index()].to.index();
  }

  /// Each waits for another one: following them ends in a circle.
  Diagnostic circle_of() const {
    std::vector<size_t> way{0};
    auto begin = way.end();
    for (;;) {
      size_t next = 0;
      while (!waits_for(way.back(), next)) ++next;
      begin = std::find(way.begin(), way.end(), next);
      if (begin != way.end()) break;
      way.push_back(next);
    }
    const auto name = [&](size_t line) {
      return kinds_.kinds[open_[line].kind].name + "." + open_[line].named->name;
    };
    std::string circle;
    for (auto it = begin; it != way.end(); ++it) circle += name(*it) + " → ";
    return {Severity::error, open_[*begin].named->text,
            "outputs depend on each other in a circle: " + circle + name(*begin),
            "a state in between, or one equation solved for the other"};
  }

  const std::vector<OpenOutput>& open_;
  const EquationKinds& kinds_;
  const lang::Scopes& scopes_;
};

}  // namespace

Diagnostics blame(const std::vector<OpenOutput>& open, const EquationKinds& kinds, const lang::Scopes& scopes,
                  const std::function<bool(const Span&)>& uses_lost) {
  return Blame(open, kinds, scopes).run(uses_lost);
}

}  // namespace looptwin::sim
