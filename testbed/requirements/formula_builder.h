// From the text of a requirement to its formula: temporal operators, logic and the edges between become the
// tree, all else is cut into atoms, each an expression of the language.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "lang/ast.h"
#include "testbed/requirements/formula.h"

namespace looptwin::testbed {

class FormulaBuilder {
 public:
  /// Adds an atom for a piece of the text, and returns its number; `negated` where it stands below an odd
  /// number of negations. Reports what is wrong with it.
  using AddAtom = std::function<uint32_t(const lang::Ast& ast, bool negated)>;

  FormulaBuilder(const lang::Units& units, Diagnostics& problems, AddAtom add_atom)
      : units_(units), problems_(problems), add_atom_(std::move(add_atom)) {}

  /// Empty after an error.
  Formula build(const Span& text, AskedAt asked);
  /// `eventually: φ` is eventually(φ) at the first instant.
  Formula build_eventually(const Span& text);

 private:
  bool add(const Span& text, Formula& formula);
  uint32_t node(const lang::Ast& ast, bool negated);
  uint32_t implication(const lang::Ast& ast, bool negated);
  uint32_t temporal(const lang::Ast& ast, Temporal op, bool negated);
  std::optional<Duration> window_end(const lang::Argument& argument);
  bool refuse_inner(const lang::Ast& ast);
  uint32_t fail(uint32_t begin, uint32_t end, std::string message, std::string hint);

  const lang::Units& units_;
  Diagnostics& problems_;
  AddAtom add_atom_;
  SourcePtr source_;
  Formula* formula_ = nullptr;
  bool sound_ = true;
};

}  // namespace looptwin::testbed
