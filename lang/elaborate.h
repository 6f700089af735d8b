// The checker's inside: walks one tree, finds what names mean, holds types and units together, and adds nodes
// to the graph. One object an expression. Spread over checker_*.cc by job: names, operators, functions, sets,
// windows, controllers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lang/ast.h"
#include "lang/checker.h"

namespace looptwin::lang {

/// Which set an element-wise value runs over, seen from the row of the expression: first to-one relations,
/// then the to-many one. Two values belong together only when these are equal.
struct SetPath {
  std::vector<RelationId> to_one;
  RelationId many;  ///< invalid: not a set
  bool operator==(const SetPath&) const = default;
  bool is_set() const { return many.valid(); }
};

/// What a piece of an expression turned out to be.
struct Term {
  enum class Is : uint8_t {
    error,      ///< already reported: whatever uses it stays silent
    number,     ///< any value with a node, of any kind
    reference,  ///< a relation followed so far: block, homes, homes.block
    feed,       ///< a feed's name, before its signal
    word,       ///< a text literal, before it is known which enumeration it belongs to
  };
  Is is = Is::error;
  const Ast* ast = nullptr;
  NodeId node;
  Type type;
  Unit unit;    ///< what a person would write the value in; the text is empty where unknown
  SetPath set;  ///< of a value over the members of a set; the node then lives in the members' table
  TableId at;   ///< reference: the table reached
  std::vector<RelationId> beyond;  ///< reference: to-one relations followed after the set
  const Symbol* symbol = nullptr;  ///< a value that is just a name, its symbol and table
  TableId symbol_table;
  std::string_view word;

  bool ok() const { return is != Is::error; }
  bool is_number() const { return is == Is::number && type.kind == Kind::number; }
  bool is_condition() const { return is == Is::number && type.kind == Kind::boolean; }
};

/// How desired(x), default(x), truth(x), age(x) and quality(x) read a name instead of its plain value.
enum class Reading : uint8_t { value, desired, fallback, truth, sampled, quality };

/// Arguments of a call by their parameters' names; absent ones are null.
using Bound = std::map<std::string_view, const Ast*>;

class Elaborator {
 public:
  Elaborator(const Units& units, const Schema& schema, Graph& graph, Diagnostics& diagnostics,
             const Scopes& scopes, const Wanted& wanted, SourcePtr source)
      : units_(units),
        schema_(schema),
        graph_(graph),
        diagnostics_(diagnostics),
        scopes_(scopes),
        wanted_(wanted),
        source_(std::move(source)) {}

  Checked run(const Ast& tree, TableId table);

 private:
  friend struct FunctionTable;

  // checker.cc: what all jobs need.
  Term evaluate(const Ast& ast);
  Term value_of(const Ast& ast);  ///< as evaluate(), but a bare relation or feed is an error
  Term literal(const Ast& ast);
  void warn_of_names(const Ast& ast);
  Term fail(const Ast& at, std::string message, std::string hint = {});
  Term fail(uint32_t begin, uint32_t end, std::string message, std::string hint = {});
  void warn(const Ast& at, std::string message, std::string hint);
  Term finish(const Ast& tree, Term value);
  Term fit(const Ast& tree, Term value, const Type& type);
  std::string written(const Ast& ast) const;
  std::string written_factor(const Ast& ast) const;  ///< in brackets where it needs them before * and /
  Span span_of(const Ast& ast) const { return {source_, ast.begin, ast.end}; }
  Node node(Op op, Type type, std::vector<NodeId> args = {}) const;
  NodeId add(Node node, const Ast& ast);  ///< sets the table from the arguments, folds constants
  NodeId constant(double value, Type type, const Ast& ast);
  std::optional<double> constant_of(const Term& value) const;
  Term result(const Ast& ast, Op op, Type type, const std::vector<Term>& args, Unit unit = {});
  Term like(const Term& value, NodeId node, const Ast& ast) const;

  // checker_names.cc
  Term name(const Ast& ast, Reading reading);
  Term member(const Ast& ast, Reading reading);
  Term read(const Ast& ast, Reading reading);  ///< a name or a path of names, and nothing else
  Term symbol(const Ast& ast, TableId table, std::string_view name, Reading reading, const Term* base);
  Term reach(const Ast& ast, const Term& base, Term value);
  Term column(const Ast& ast, TableId table, const Symbol& symbol, std::string_view name, Reading reading);
  Term unknown_name(const Ast& ast, const Scope& scope, std::string_view name, const Term* base);
  Term misplaced(const Ast& ast, const Term& value);
  const Scope& scope_of(TableId table) const;
  std::string to_write_of_set(const Term& value) const;

  // checker_operators.cc
  Term unary(const Ast& ast);
  Term binary(const Ast& ast);
  Term add_or_subtract(const Ast& ast, const Term& a, const Term& b);
  Term multiply_or_divide(const Ast& ast, const Term& a, const Term& b);
  Term compare(const Ast& ast, const Term& a, const Term& b);
  Term in_list(const Ast& ast);
  Term logic(const Ast& ast, const Term& a, const Term& b);
  bool condition(const Term& value, std::string_view who);
  bool is_amount(const Term& value, std::string_view doing);  ///< a number that is no point
  bool is_ratio(const Term& value, std::string_view who);
  bool in_range(const Ast& ast, const Type& type);
  bool unify(const Ast& ast, std::vector<Term>& values);  ///< brings values to one set, or none
  bool alike(const Ast& ast, std::vector<Term>& values, std::string_view doing);  ///< to one type
  bool ratios_clear(const std::vector<Term>& values);
  bool resolve_words(const Ast& ast, std::vector<Term>& values);
  Term word_of(const Term& word, EnumId enumeration);
  Term mismatch(const Ast& ast, const Term& a, const Term& b, std::string_view doing);
  std::string bare_hint(const Term& bare, const Term& other) const;
  std::string in_words(const Term& value) const;
  std::string number_in(double si, const Unit& unit) const;

  // checker_functions.cc
  Term call(const Ast& ast);
  /// `first`: arguments before it are the function's own affair.
  bool bind(const Ast& ast, std::initializer_list<std::string_view> names, size_t required, Bound& bound,
            size_t first = 0);
  Term choose(const Ast& ast);
  Term known(const Ast& ast);
  Term scalar_extreme(const Ast& ast, Op op);
  Term scalar_sum(const Ast& ast, bool mean);
  Term clamp(const Ast& ast);
  Term absolute_value(const Ast& ast);
  Term rounding(const Ast& ast);
  Term modulo(const Ast& ast);
  Term root(const Ast& ast);
  Term power(const Ast& ast);
  Term of_ratio(const Ast& ast);
  Term arc_tangent2(const Ast& ast);
  Term scale_to_amount(const Ast& ast);
  Term reading(const Ast& ast);
  Term quality(const Ast& ast);
  Term good(const Ast& ast);
  Term instant(const Ast& ast);

  // checker_tables.cc
  Term interpolate(const Ast& ast);
  std::optional<bool> goes_on(const Ast* outside);
  Term curve(const Ast& ast, const std::vector<const Ast*>& args, bool extended);
  Term surface(const Ast& ast, const std::vector<const Ast*>& args, bool extended);
  std::optional<std::vector<double>> constants_of(const std::vector<Term>& values, size_t first);
  bool rising(const std::vector<Term>& values, const std::vector<double>& points);

  // checker_sets.cc
  Term aggregate(const Ast& ast);
  Term set_argument(const Ast& ast, const Term& set, const Ast& inner);
  Term set_result(const Ast& ast, const SetPath& path, const Term& element, bool sized);
  Term voted(const Ast& ast);
  NodeId through(const std::vector<RelationId>& to_one, NodeId node, const Ast& ast);

  // checker_windows.cc
  Term window(const Ast& ast);
  Term window_over(const Ast& ast, const Ast& over);
  Term held(const Ast& ast);
  Term previous(const Ast& ast);
  Term age(const Ast& ast);
  Term forecast(const Ast& ast);
  std::optional<Duration> constant_duration(const Ast& ast, std::string_view what, bool zero_allowed);
  bool state_allowed(const Ast& ast, bool windows, bool controllers);
  bool not_over_set(const Ast& ast, const Term& value);
  NodeId with_state(Node node, const Ast& ast);

  // checker_warm.cc
  Term ago(const Ast& ast);
  Term trend(const Ast& ast);
  Term trend_index(const Ast& ast);
  Term trend_over(const Ast& ast, Op op, bool with_share);
  Term delayed(const Ast& ast, const Node& ago, const Term& of);
  std::optional<Duration> bucket_of(const Ast& ast, const Ast* bucket, Duration span, const Ast& window);
  std::optional<bool> constant_condition(const Ast* ast, std::string_view name);
  std::optional<double> constant_share(const Ast* ast, std::string_view name, double absent);

  // checker_controllers.cc
  Term hysteresis(const Ast& ast);
  Term pid(const Ast& ast);
  Term ramp(const Ast& ast);
  Term delay(const Ast& ast);
  Term latch(const Ast& ast);
  Term stiction(const Ast& ast);
  bool in_controller(const Ast& ast);
  Term expect(const Ast* ast, const Type& type, std::string_view what, const Unit& unit, double absent);

  const Units& units_;
  const Schema& schema_;
  Graph& graph_;
  Diagnostics& diagnostics_;
  const Scopes& scopes_;
  const Wanted& wanted_;
  SourcePtr source_;
  TableId table_;  ///< whose names a bare name means: the row's, or the members' within count(homes, …)
  int errors_ = 0;
};

/// How a function is written, for messages: "clamp(x, low, high)"; empty where it is none of ours.
std::string_view usage_of(std::string_view function);

}  // namespace looptwin::lang
