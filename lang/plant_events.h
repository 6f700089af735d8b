// Events of a plant: conditions that become true within a step, where states are set anew. What
// compile_plant() makes of them, and how a step is taken with them. Without events a plant never comes here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lang/plant.h"
#include "lang/program.h"

namespace looptwin::lang {

struct EventCode {
  Duration step{};
  std::vector<ColumnId> state, trial;  ///< the states, and where a step of `left` s from them leads
  ColumnId left;                       ///< s
  std::vector<ColumnId> open;          ///< [event] the condition on the trial: 0, 1, 2 unknown
  std::vector<ColumnId> margin;        ///< [event] how far the condition is from changing: lang/linear.h
  std::vector<ColumnId> was;  ///< [event] the condition when the states were last there; saved with the table
  const Program* advance = nullptr;  ///< the plant's own: state, left → trial; set when it is bound
  Program conditions;                ///< trial → open
  Program margins;                   ///< trial → margin
  std::vector<Program> resets;       ///< [event] trial → trial
  std::vector<ColumnId> hidden;      ///< all that need not be saved
};

/// A step with events over columns that are bound.
class EventStepper {
 public:
  void bind(EventCode& code, TableId table, Memory& memory);
  void start(size_t first, size_t count) const;
  std::optional<Crowded> advance(const EventCode& code, const Instant& instant, size_t first,
                                 size_t count) const;

 private:
  bool risen(size_t row) const;
  void settle(size_t row) const;
  void let_go(size_t row) const;
  bool fire(const EventCode& code, const Instant& instant, size_t row, size_t& fired, size_t& last) const;
  bool cross(const EventCode& code, const Instant& instant, size_t row, size_t& last) const;
  double locate(const EventCode& code, const Instant& instant, size_t row, double left) const;
  double margin(const EventCode& code, const Instant& instant, size_t row) const;
  void try_step(const EventCode& code, const Instant& instant, size_t row, double left) const;
  void take(size_t first, size_t count) const;
  void put_back(size_t first, size_t count) const;

  std::vector<double*> state_, trial_, margin_;
  std::vector<uint8_t*> open_, was_;
  double* left_ = nullptr;
};

}  // namespace looptwin::lang
