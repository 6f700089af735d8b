// What was written, as a tree. Nodes point into the source text, which must outlive them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "lang/units.h"

namespace looptwin::lang {

enum class Operator : uint8_t {
  logical_or,
  logical_and,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  add,
  subtract,
  multiply,
  divide,
  negate,
  logical_not,
};
std::string_view text_of(Operator op);
/// == != < <= > >= in
bool is_comparison(Operator op);

struct Ast;
using AstPtr = std::unique_ptr<Ast>;

struct Argument {
  std::string_view name;  ///< of `name=value`; empty where given by position
  uint32_t name_begin = 0;
  AstPtr value;
};

struct Ast {
  enum class Kind : uint8_t { number, boolean, text, name, member, unary, binary, call, list, over };
  Kind kind;
  uint32_t begin = 0;  ///< offsets in the source, brackets around it included
  uint32_t end = 0;
  int depth = 1;
  Operator op = Operator::add;
  std::string_view text;       ///< a name, the member's name, the function's name, a text without quotes
  Quantity quantity;           ///< of a number, SI; the unit's text is empty where none was written
  double number = 0;           ///< of a number: as written, sign included
  bool value = false;          ///< of true and false
  std::vector<Argument> args;  ///< operands; member: the base; over: what, and the window's length

  bool is_bare_number() const { return kind == Kind::number && quantity.unit.text.empty(); }
  const Ast& arg(size_t i) const { return *args[i].value; }
};

}  // namespace looptwin::lang
