// Steps to instructions. A root's value is stored as early as no later step reads the column's old value, an
// f64 root in place by the step that computes it; the rest at the end. Registers are given by linear scan,
// the last freed first.
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "base/check.h"
#include "base/text.h"
#include "lang/program_code.h"

namespace looptwin::lang {
namespace {

constexpr size_t kNowhere = std::numeric_limits<size_t>::max();

class Allocation {
 public:
  Allocation(Code& code, const Schema& schema, TableId table, Lowered lowered, std::span<const Root> roots)
      : code_(code), steps_(std::move(lowered.steps)), values_(std::move(lowered.roots)), roots_(roots) {
    temporaries_ = lowered.temporaries;
    std::unordered_map<ColumnId, uint32_t> slots;
    for (uint32_t i = 0; i < code_.columns.size(); ++i)
      if (code_.columns[i].table == table && !code_.columns[i].whole)
        slots.emplace(code_.columns[i].column, i);
    for (const Root& root : roots_) targets_.push_back(slots.at(root.column));
    for (const Code::Column& c : code_.columns) {
      const std::string owner = c.whole ? schema.table(c.table).name + "." : "";
      column_names_.push_back(owner + schema.column(c.table, c.column).name);
    }
  }

  void run() {
    save_swapped_columns();
    place_stores();
    assign_registers();
    for (size_t i = 0; i < steps_.size(); ++i) emit(steps_[i]);
  }

 private:
  /// A root that is just another root's column is read before anything is stored.
  void save_swapped_columns() {
    std::vector<Step> first;
    const std::unordered_set<uint32_t> targets(targets_.begin(), targets_.end());
    for (size_t r = 0; r < values_.size(); ++r) {
      Value& v = values_[r];
      if (v.is != Value::Is::column || v.index == targets_[r]) continue;
      if (!targets.contains(v.index)) continue;
      first.push_back(copy(v, {Value::Is::temporary, static_cast<uint32_t>(temporaries_++)}));
      v = first.back().out;
    }
    steps_.insert(steps_.begin(), std::make_move_iterator(first.begin()),
                  std::make_move_iterator(first.end()));
  }

  static Step copy(Value from, Value to) {
    Step step{.action = Action::apply, .kernel = Kernel::copy, .name = "copy", .out = to};
    step.in = {from};
    return step;
  }

  void place_stores() {
    std::vector<size_t> defined(temporaries_, kNowhere);
    std::vector<size_t> last_read(code_.columns.size(), 0);
    for (size_t i = 0; i < steps_.size(); ++i) {
      defined[steps_[i].out.index] = i;
      for (const Value v : steps_[i].in)
        if (v.is == Value::Is::column) last_read[v.index] = i;
    }
    std::vector<std::vector<Step>> after(steps_.size() + 1);
    std::vector<Value> moved(temporaries_);  // where an f64 root's temporary lies instead of in a register
    for (size_t r = 0; r < roots_.size(); ++r) {
      const Value v = values_[r];
      const Value column{Value::Is::column, targets_[r]};
      if (v == column) continue;
      const Storage storage = code_.columns[column.index].storage;
      const size_t at = v.is == Value::Is::temporary ? defined[v.index] : kNowhere;
      const bool early = at != kNowhere && last_read[column.index] <= at;
      if (early && storage == Storage::f64 && moved[v.index].is == Value::Is::none) {
        moved[v.index] = column;
        continue;
      }
      Step store = copy(v, column);
      if (storage != Storage::f64) {
        store.action = Action::store;
        store.storage = storage;
        store.name = "store";
        if (v.is != Value::Is::temporary) store.in[0] = spread(v, after.back());
      }
      after[early ? at : steps_.size()].push_back(std::move(store));
    }
    weave(std::move(after), moved);
  }

  Value spread(Value v, std::vector<Step>& steps) {
    if (!v.scalar()) return v;
    steps.push_back(copy(v, {Value::Is::temporary, static_cast<uint32_t>(temporaries_++)}));
    return steps.back().out;
  }

  void weave(std::vector<std::vector<Step>> after, const std::vector<Value>& moved) {
    std::vector<Step> all;
    const auto take = [&](std::vector<Step>& more) {
      for (Step& step : more) all.push_back(std::move(step));
    };
    for (size_t i = 0; i < steps_.size(); ++i) {
      all.push_back(std::move(steps_[i]));
      take(after[i]);
    }
    take(after.back());
    steps_ = std::move(all);
    const auto relocate = [&](Value& v) {
      if (v.is != Value::Is::temporary || v.index >= moved.size()) return;
      if (moved[v.index].is != Value::Is::none) v = moved[v.index];
    };
    for (Step& step : steps_) {
      relocate(step.out);
      for (Value& v : step.in) relocate(v);
    }
  }

  void assign_registers() {
    std::vector<size_t> last_use(temporaries_, kNowhere);
    for (size_t i = 0; i < steps_.size(); ++i)
      for (const Value v : steps_[i].in)
        if (v.is == Value::Is::temporary) last_use[v.index] = i;
    register_.assign(temporaries_, 0);
    std::vector<uint32_t> free;
    for (size_t i = 0; i < steps_.size(); ++i) {
      // Inputs that die here give their register to the result: every step may work in place.
      for (const Value v : steps_[i].in) {
        if (v.is != Value::Is::temporary || last_use[v.index] != i) continue;
        free.push_back(register_[v.index]);
        last_use[v.index] = kNowhere;  // an operand that stands twice is freed once
      }
      const Value out = steps_[i].out;
      if (out.is != Value::Is::temporary) continue;
      if (free.empty()) free.push_back(static_cast<uint32_t>(code_.registers++));
      register_[out.index] = free.back();
      free.pop_back();
      if (last_use[out.index] == kNowhere) free.push_back(register_[out.index]);
    }
  }

  Slot slot(Value v) const {
    size_t slot = v.index;
    if (v.is == Value::Is::constant) slot += code_.first_constant();
    if (v.is == Value::Is::uniform) slot += code_.first_uniform();
    if (v.is == Value::Is::temporary) slot = code_.first_register() + register_[v.index];
    LT_CHECK(slot < std::numeric_limits<Slot>::max(), "a program of more than 65534 values");
    return static_cast<Slot>(slot);
  }

  std::string text(Value v) const {
    switch (v.is) {
      case Value::Is::column:
        return column_names_[v.index];
      case Value::Is::constant:
        return shortest(code_.constants[v.index]);
      case Value::Is::uniform:
        return "u" + std::to_string(v.index);
      default:
        return "r" + std::to_string(register_[v.index]);
    }
  }

  void emit(const Step& step);

  Code& code_;
  std::vector<Step> steps_;
  std::vector<Value> values_;
  const std::span<const Root> roots_;
  std::vector<uint32_t> targets_;
  size_t temporaries_ = 0;
  std::vector<uint32_t> register_;
  std::vector<std::string> column_names_;
};

void Allocation::emit(const Step& step) {
  const Kernels& table = kernels(simd());
  const size_t storage = static_cast<size_t>(step.storage);
  Instruction instruction{.action = step.action, .out = slot(step.out), .extra = step.extra};
  std::string line = text(step.out) + " = " + step.name;
  int form = 0;
  for (size_t k = 0; k < step.in.size(); ++k) {
    if (k < 4) instruction.in[k] = slot(step.in[k]);
    if (step.in[k].scalar()) form |= 1 << k;
    line += (k == 0 ? " " : ", ") + text(step.in[k]);
  }
  switch (step.action) {
    case Action::apply:
      instruction.apply = table.apply[static_cast<size_t>(step.kernel)][form];
      LT_CHECK(instruction.apply != nullptr, line);
      break;
    case Action::maths_unary:
      instruction.unary = step.unary;
      break;
    case Action::maths_binary:
      instruction.binary = step.binary;
      break;
    case Action::load:
      instruction.load = table.load[storage];
      break;
    case Action::store:
      instruction.store = table.store[storage];
      break;
    case Action::gather:
      instruction.gather = table.gather[storage];
      break;
    case Action::dot:
      for (const Value v : step.in) code_.dots[step.extra].push_back(slot(v));
      break;
    case Action::interpolate:
    case Action::extrapolate:
    case Action::interpolate2:
    case Action::age:
      break;
    case Action::stateful: {
      Code::Stateful& call = code_.stateful[step.extra];
      for (const Value v : step.in) {
        call.in.push_back(slot(v));
        call.stride.push_back(v.scalar() ? 0 : 1);
      }
      call.out = instruction.out;
      break;
    }
  }
  code_.instructions.push_back(instruction);
  code_.listing.push_back(std::move(line));
}

}  // namespace

void allocate(Code& code, const Schema& schema, TableId table, Lowered lowered, std::span<const Root> roots) {
  // Every target has a slot before temporaries are counted off against columns.
  std::unordered_set<ColumnId> known;
  for (const Code::Column& c : code.columns)
    if (c.table == table && !c.whole) known.insert(c.column);
  for (const Root& root : roots)
    if (known.insert(root.column).second)
      code.columns.push_back({table, root.column, schema.column(table, root.column).storage, false});
  for (const Code::Column& c : code.columns) code.strides.push_back(c.whole ? 0 : size_of(c.storage));
  Allocation(code, schema, table, std::move(lowered), roots).run();
}

}  // namespace looptwin::lang
