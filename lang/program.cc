#include "lang/program.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "lang/program_code.h"
#include "lang/vm.h"

namespace looptwin::lang {

struct Program::Body {
  TableId table;
  std::vector<Root> roots;
  Code code;
  std::vector<void*> columns;  ///< bound pointers of code.columns
  std::vector<ColumnId> state;
};

Program::Program() : body_(std::make_unique<Body>()) {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

Program Program::compile(Schema& schema, const Graph& graph, TableId table, std::span<const Root> roots,
                         std::span<const Root> given, std::span<const NodeId> uniforms) {
  for (size_t i = 0; i < roots.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      LT_CHECK(roots[i].column != roots[j].column,
               "two roots for " + schema.column(table, roots[i].column).name);
    }
  }
  Program program;
  Body& body = *program.body_;
  body.table = table;
  body.roots.assign(roots.begin(), roots.end());
  allocate(body.code, schema, table, lower(body.code, schema, graph, table, roots, given, uniforms), roots);
  for (const Code::Stateful& call : body.code.stateful) {
    for (const uint32_t c : call.state) body.state.push_back(body.code.columns[c].column);
  }
  return program;
}

void Program::bind(Memory& memory) {
  body_->columns.clear();
  for (const Code::Column& c : body_->code.columns)
    body_->columns.push_back(memory.column(c.table, c.column));
}

void Program::run(const Instant& instant, size_t first, size_t count, Time* due) const {
  LT_CHECK(body_->columns.size() == body_->code.columns.size(), "a program is run before it is bound");
  if (count > 0) execute(body_->code, body_->columns, instant, first, count, due);
}

std::vector<Extent> Program::extents() const {
  std::vector<Extent> extents;
  for (size_t c = 0; c < body_->columns.size(); ++c) {
    const Code::Column& column = body_->code.columns[c];
    if (!column.whole)
      extents.push_back({static_cast<const std::byte*>(body_->columns[c]), size_of(column.storage)});
  }
  return extents;
}

void Program::reset(size_t first, size_t count) const {
  LT_CHECK(body_->columns.size() == body_->code.columns.size(), "a program is reset before it is bound");
  for (const Code::Stateful& call : body_->code.stateful) {
    for (size_t k = 0; k < call.state.size(); ++k) {
      const Storage storage = body_->code.columns[call.state[k]].storage;
      void* const column = body_->columns[call.state[k]];
      if (storage == Storage::boolean) std::fill_n(static_cast<uint8_t*>(column) + first, count, 0);
      if (storage == Storage::f64) {
        std::fill_n(static_cast<double*>(column) + first, count, std::numeric_limits<double>::quiet_NaN());
      }
      if (storage == Storage::instant) {
        std::fill_n(static_cast<int64_t*>(column) + first, count,
                    call.zero[k] ? 0 : std::numeric_limits<int64_t>::min());
      }
    }
  }
}

void Program::pause(const Pause& pause, size_t first, size_t count) const {
  std::vector<void*> state;
  for (const Code::Stateful& call : body_->code.stateful) {
    state.clear();
    for (const uint32_t c : call.state) {
      const size_t offset = first * size_of(body_->code.columns[c].storage);
      state.push_back(static_cast<std::byte*>(body_->columns[c]) + offset);
    }
    lang::pause(call.kind, state.data(), count, pause);
  }
}

void Program::go_on_from(ColumnId column, size_t row) const {
  const auto& columns = body_->code.columns;
  const auto place = std::find_if(columns.begin(), columns.end(), [&](const Code::Column& c) {
    return c.table == body_->table && c.column == column;
  });
  for (const Root& root : body_->roots) {
    if (root.column != column || place == columns.end() || place->storage != Storage::f64) continue;
    for (const Code::Stateful& call : body_->code.stateful) {
      const bool moves = call.kind.op == Op::ramp || call.kind.op == Op::stiction;
      if (call.node != root.node || !moves) continue;
      const auto* const from = static_cast<const double*>(body_->columns[size_t(place - columns.begin())]);
      static_cast<double*>(body_->columns[call.state[0]])[row] = from[row];
    }
  }
}

const std::vector<NodeId>& Program::uniforms() const { return body_->code.uniforms; }
const std::vector<ColumnId>& Program::state_columns() const { return body_->state; }
const std::vector<Root>& Program::roots() const { return body_->roots; }
size_t Program::operations() const { return body_->code.instructions.size(); }

std::string Program::disassemble() const {
  std::string text;
  for (const std::string& line : body_->code.listing) text += line + "\n";
  return text;
}

}  // namespace looptwin::lang
