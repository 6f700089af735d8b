// A value as conventions say it on the wire, whatever their encoding: nothing, a truth, a number, a text; and
// what a model makes of it. Numbers are in the unit of the wire, which is the field's own unless a mapping
// says otherwise.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "twin/frame.h"

namespace looptwin::hil {

using Scalar = std::variant<std::monostate, bool, double, std::string>;

/// The integer that travels in frames; kMissing for nothing and for numbers without end; absent where the
/// field is of another type.
std::optional<int32_t> raw_of(const twin::FieldConfig& field, const twin::Scaling& scaling,
                              const lang::Unit& unit, const Scalar& value);
/// The other way, for devices of our own.
Scalar scalar_of(const twin::FieldConfig& field, const twin::Scaling& scaling, const lang::Unit& unit,
                 int32_t raw);

/// What a setpoint is told, and what a device understands by it: SI, or a word's number.
Scalar scalar_of(const twin::SetpointConfig& setpoint, const lang::Unit& unit, double value);
std::optional<double> value_of(const twin::SetpointConfig& setpoint, const lang::Unit& unit,
                               const Scalar& value);

}  // namespace looptwin::hil
