// A coupled plant: physics that several devices share, behind ports. Each port is one double, in SI units, in
// one contiguous span: who owns the plant writes the inputs, advances, and reads the outputs. What is inside
// (a grid of cells, a discrete-event kernel) is the plant's own business.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/archive.h"
#include "base/result.h"
#include "base/time.h"

namespace looptwin::sim {

enum class PortDirection : uint8_t { in, out };

/// One value that crosses the plant's border. Ports are declared once and never change.
struct Port {
  std::string element;   ///< whose value it is, "pipe.p1": the kind and the name of a part of the plant
  std::string quantity;  ///< which value of it, "flow_in"
  std::string unit;      ///< of its dimension, for people: "kg/s", "Pa", "m3/h", "1"; the value is in SI
  PortDirection direction = PortDirection::out;
  std::string name() const { return element + "." + quantity; }
};

class CoupledPlant {
 public:
  virtual ~CoupledPlant() = default;

  virtual std::span<const Port> ports() const = 0;
  /// The value of each port, in the order of ports(); the span stays where it is. Inputs are as they were
  /// written; outputs are those at the last grid point at or before the time advanced to. An input that makes
  /// no sense (NaN, a negative area) is read as the plant's documentation says, never refused.
  virtual std::span<double> values() = 0;

  /// From the time of the last call (kStart at first) to `to`, which is not before it. What was written to
  /// inputs after advance(a) acts from the first grid point at or after a. With the same inputs
  /// advance(a), advance(b) equals advance(b) bit for bit.
  virtual void advance(Time to) = 0;
  /// Why the plant cannot go on (its solver gives up, a value is no number), with when and where and what to
  /// try; empty while it can. From then on advance() does nothing: values stay those of the last grid point.
  virtual const Diagnostics& breakdown() const;

  /// The whole state, inputs included. Restore needs a plant made of the same description; after a mismatch
  /// (see reader) the plant must not be used further.
  virtual void save(ArchiveWriter& writer) const = 0;
  virtual void restore(ArchiveReader& reader) = 0;
};

/// The index of a port in ports() by its name ("valve.v1.command"), or what was probably meant.
Result<size_t> find_port(const CoupledPlant& plant, std::string_view name);

}  // namespace looptwin::sim
