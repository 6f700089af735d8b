// What a Program is inside: instructions over slots. A slot is a column (read and written in place where it
// is f64), a constant, a uniform value, or a register; in this order in one table of pointers. Lowering
// (graph to steps) → allocation (steps to instructions) → vm.
#pragma once

#include <string>
#include <vector>

#include "lang/graph.h"
#include "lang/kernels.h"
#include "lang/program.h"
#include "lang/stateful.h"

namespace looptwin::lang {

/// Rows a register holds: 2 KB, so that a dozen registers and the columns in use stay in a 32 KB L1 cache.
inline constexpr size_t kBlockRows = 256;

enum class Action : uint8_t {
  apply,        ///< a kernel
  maths_unary,  ///< a column function of base/maths.h
  maths_binary,
  interpolate,
  extrapolate,
  interpolate2,
  dot,     ///< a sum of products
  load,    ///< column to register
  store,   ///< register to column, not f64
  gather,  ///< through a relation's rows
  age,
  stateful,
};

using MathsUnary = void (*)(const double* x, double* y, size_t n);
using MathsBinary = void (*)(const double* x, const double* y, double* z, size_t n);

/// How an element-wise operation is computed, unfused: by a kernel (with its two operands exchanged, for
/// greater) or by a column function. Operations of more than two arguments of one kind (add, minimum,
/// logical_and …) go from the left.
struct Operation {
  Kernel kernel = Kernel::copy;
  bool exchanged = false;
  MathsUnary unary = nullptr;
  MathsBinary binary = nullptr;
};
Operation operation_of(const Graph& graph, const Node& node);

/// A node's table as its kernel wants it.
std::vector<double> interpolation_table(const Node& node);

/// Where a value lies while a program is being compiled.
struct Value {
  enum class Is : uint8_t { none, column, constant, uniform, temporary };
  Is is = Is::none;
  uint32_t index = 0;
  bool operator==(const Value&) const = default;
  bool scalar() const { return is == Is::constant || is == Is::uniform; }
};

/// One operation before registers are allocated; each temporary has one step that defines it.
struct Step {
  Action action = Action::apply;
  Kernel kernel = Kernel::copy;
  Storage storage = Storage::f64;  ///< load, store, gather
  MathsUnary unary = nullptr;
  MathsBinary binary = nullptr;
  const char* name = "";
  Value out;
  std::vector<Value> in;
  uint32_t extra = 0;  ///< index into Code::tables, dots, stateful or age_limits
};

using Slot = uint16_t;

struct Instruction {
  Action action = Action::apply;
  Slot out = 0;
  Slot in[4] = {};
  uint32_t extra = 0;
  union {
    Kernels::Apply apply = nullptr;
    MathsUnary unary;
    MathsBinary binary;
    Kernels::Load load;
    Kernels::Store store;
    Kernels::Gather gather;
  };
};

struct Code {
  struct Column {
    TableId table;
    ColumnId column;
    Storage storage = Storage::f64;
    bool whole =
        false;  ///< read by row number (a relation's other table): the pointer does not move with the block
    bool operator==(const Column&) const = default;
  };
  struct Table {
    size_t points = 0;
    std::vector<double> values;  ///< see Kernels::interpolate; of interpolate2 as lang/surface.h has it
  };
  struct Stateful {
    NodeId node;
    StatefulKind kind;
    std::vector<Value> inputs;
    std::vector<uint32_t> state;  ///< indices into columns
    std::vector<bool> zero;       ///< of each state column: see StateColumn
    std::vector<Slot> in;
    std::vector<size_t> stride;
    Slot out = 0;
  };

  std::vector<Column> columns;
  std::vector<size_t> strides;  ///< of the columns: bytes from row to row, 0 where whole
  std::vector<double> constants;
  std::vector<NodeId> uniforms;
  size_t registers = 0;
  std::vector<Table> tables;
  std::vector<std::vector<Slot>> dots;  ///< their factors
  std::vector<Stateful> stateful;
  std::vector<std::vector<int64_t>>
      age_limits;  ///< ns; empty: the age's value is used, and it changes all the time
  std::vector<Instruction> instructions;
  std::vector<std::string> listing;  ///< one line an instruction

  size_t slots() const { return columns.size() + constants.size() + uniforms.size() + registers; }
  size_t first_constant() const { return columns.size(); }
  size_t first_uniform() const { return columns.size() + constants.size(); }
  size_t first_register() const { return columns.size() + constants.size() + uniforms.size(); }
};

/// Steps in order of evaluation, and where each root's value is found.
struct Lowered {
  std::vector<Step> steps;
  std::vector<Value> roots;
  size_t temporaries = 0;
};

/// Graph to steps: fusion of operations, loads, state columns. Fills columns, constants, uniforms, tables,
/// stateful.
Lowered lower(Code& code, Schema& schema, const Graph& graph, TableId table, std::span<const Root> roots,
              std::span<const Root> given, std::span<const NodeId> uniforms);

/// Steps to instructions: places the stores, allocates registers. Fills registers, instructions, listing.
void allocate(Code& code, const Schema& schema, TableId table, Lowered lowered, std::span<const Root> roots);

}  // namespace looptwin::lang
