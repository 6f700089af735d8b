#include "lang/vm.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"
#include "lang/surface.h"

namespace looptwin::lang {
namespace {

/// A thread's registers and pointers; grows to the largest program that the thread has run.
struct Scratch {
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::unique_ptr<Line[]> lines;
  size_t registers = 0;
  std::vector<std::byte*> slots;
  std::vector<const double*> inputs;
  std::vector<void*> state;

  void grow(const Code& code) {
    if (registers < code.registers) {
      registers = code.registers;
      lines = std::make_unique<Line[]>(registers * kBlockRows * sizeof(double) / sizeof(Line));
    }
    if (slots.size() < code.slots()) slots.resize(code.slots());
    for (const Code::Stateful& call : code.stateful) {
      if (inputs.size() < call.in.size()) inputs.resize(call.in.size());
      if (state.size() < call.state.size()) state.resize(call.state.size());
    }
  }
};

class Block {
 public:
  Block(const Code& code, Scratch& scratch, const Instant& instant, Time* due)
      : code_(code), scratch_(scratch), slots_(scratch.slots.data()), instant_(instant), due_(due) {}

  void run(size_t first, size_t rows) {
    for (const Instruction& i : code_.instructions) {
      switch (i.action) {
        case Action::apply:
          i.apply(number(i.out), number(i.in[0]), number(i.in[1]), number(i.in[2]), number(i.in[3]), rows);
          break;
        case Action::maths_unary:
          i.unary(number(i.in[0]), number(i.out), rows);
          break;
        case Action::maths_binary:
          i.binary(number(i.in[0]), number(i.in[1]), number(i.out), rows);
          break;
        case Action::interpolate: {
          const Code::Table& table = code_.tables[i.extra];
          kernels_.interpolate(number(i.out), number(i.in[0]), table.values.data(), table.points, rows);
          break;
        }
        case Action::extrapolate: {
          const Code::Table& table = code_.tables[i.extra];
          kernels_.extrapolate(number(i.out), number(i.in[0]), table.values.data(), table.points, rows);
          break;
        }
        case Action::interpolate2:
          interpolate2(number(i.out), number(i.in[0]), number(i.in[1]), code_.tables[i.extra].values.data(),
                       rows);
          break;
        case Action::dot:
          dot(code_.dots[i.extra], number(i.out), rows);
          break;
        case Action::load:
          i.load(number(i.out), slots_[i.in[0]], rows);
          break;
        case Action::store:
          i.store(slots_[i.out], number(i.in[0]), rows);
          break;
        case Action::gather:
          i.gather(number(i.out), reinterpret_cast<const uint32_t*>(slots_[i.in[0]]), slots_[i.in[1]], rows);
          break;
        case Action::age:
          age(i, first, rows);
          break;
        case Action::stateful:
          stateful(code_.stateful[i.extra], first, rows);
          break;
      }
    }
  }

 private:
  double* number(Slot slot) const { return reinterpret_cast<double*>(slots_[slot]); }

  void dot(const std::vector<Slot>& factors, double* out, size_t rows) const {
    const double* in[2 * kMostProducts];
    for (size_t k = 0; k < factors.size(); ++k) in[k] = number(factors[k]);
    kernels_.dot[factors.size() / 2 - kLeastProducts](out, in, rows);
  }

  // An age grows by itself: it is due at the next instant, or when it passes the next limit that it is
  // compared with.
  void age(const Instruction& i, size_t first, size_t rows) {
    kernels_.age(number(i.out), reinterpret_cast<const int64_t*>(slots_[i.in[0]]), instant_.now.ns, rows);
    if (due_ == nullptr) return;
    const Time next = instant_.now + nanoseconds(1);
    const auto& limits = code_.age_limits[i.extra];
    if (limits.empty()) {
      for (size_t group = first / 64; group <= (first + rows - 1) / 64; ++group)
        due_[group] = std::min(due_[group], next);
      return;
    }
    const auto* sampled = reinterpret_cast<const int64_t*>(slots_[i.in[0]]);
    for (size_t row = 0; row < rows;) {
      const size_t group = (first + row) / 64;
      const size_t end = std::min(rows, (group + 1) * 64 - first);
      for (const int64_t limit : limits) {
        const Time since{kernels_.earliest(sampled + row, instant_.now.ns - limit, end - row)};
        if (since != kNever) due_[group] = std::min(due_[group], std::max(since + nanoseconds(limit), next));
      }
      row = end;
    }
  }

  void stateful(const Code::Stateful& call, size_t first, size_t rows) {
    for (size_t k = 0; k < call.in.size(); ++k) scratch_.inputs[k] = number(call.in[k]);
    for (size_t k = 0; k < call.state.size(); ++k) scratch_.state[k] = slots_[call.state[k]];
    evaluate(call.kind, {.now = instant_.now,
                         .first = first,
                         .rows = rows,
                         .in = scratch_.inputs.data(),
                         .stride = call.stride.data(),
                         .state = scratch_.state.data(),
                         .out = number(call.out),
                         .due = due_});
  }

  const Code& code_;
  Scratch& scratch_;
  std::byte** const slots_;
  const Instant& instant_;
  Time* const due_;
  const Kernels& kernels_ = kernels(simd());
};

}  // namespace

void execute(const Code& code, std::span<void* const> columns, const Instant& instant, size_t first,
             size_t count, Time* due) {
  thread_local Scratch scratch;
  LT_CHECK(instant.uniforms.size() >= code.uniforms.size(), "too few uniform values");
  scratch.grow(code);
  std::byte** const slots = scratch.slots.data();
  for (size_t c = 0; c < columns.size(); ++c) {
    slots[c] = static_cast<std::byte*>(columns[c]) + first * code.strides[c];
  }
  // Kernels read through these only: they take all operands alike.
  const auto scalar = [](const double& x) {
    return const_cast<std::byte*>(reinterpret_cast<const std::byte*>(&x));
  };
  for (size_t k = 0; k < code.constants.size(); ++k)
    slots[code.first_constant() + k] = scalar(code.constants[k]);
  for (size_t k = 0; k < code.uniforms.size(); ++k)
    slots[code.first_uniform() + k] = scalar(instant.uniforms[k]);
  for (size_t k = 0; k < code.registers; ++k) {
    slots[code.first_register() + k] =
        reinterpret_cast<std::byte*>(scratch.lines.get()) + k * kBlockRows * sizeof(double);
  }
  Block block(code, scratch, instant, due);
  for (size_t row = first;;) {
    const size_t rows = std::min(kBlockRows, first + count - row);
    block.run(row, rows);
    row += rows;
    if (row == first + count) break;
    for (size_t c = 0; c < columns.size(); ++c) slots[c] += rows * code.strides[c];
  }
}

}  // namespace looptwin::lang
