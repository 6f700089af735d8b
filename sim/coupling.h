// Where a coupled plant and devices meet. The plant's elements are rows of tables, one table a kind, with a
// column a port; a device reads a port, or drives one, through its relation to an element.
//
// They exchange at declared instants, each seeing what the other was just before: at t devices have been
// worked out up to their last grid point before t, what they drive becomes the plant's inputs, the plant's
// outputs at t become columns, and the plant goes on to the next instant.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/archive.h"
#include "base/result.h"
#include "lang/schema.h"
#include "lang/units.h"
#include "sim/config.h"
#include "sim/plant.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::sim {

/// The elements of one kind, as a plant's ports name them: {"node", {"n1", "n2"}}. A plant's values of its
/// own are one element without a name: {"network", {""}}.
struct ElementKind {
  std::string kind;
  std::vector<std::string> names;
};
std::vector<ElementKind> elements_of(const CoupledPlant& plant);
/// What the registry calls them: the model "gas_node" with the device "gas/node/n1".
std::string element_model(const std::string& plant, const std::string& kind);
std::string element_id(const std::string& plant, const std::string& kind, const std::string& name);

/// Devices of a model that drive one port of the elements that they are related to.
struct Drive {
  TableId model;
  ColumnId element;  ///< the relation's column of rows
  TableId kind;      ///< the elements' table
  std::string port;
  ColumnId value;  ///< of the model's table: f64 in SI, or boolean for 0 and 1; unknown drives nothing
  Span span;
};

class Coupling {
 public:
  /// The registry knows the elements. Adds the columns of their ports.
  Coupling(const PlantConfig& config, std::unique_ptr<CoupledPlant> plant, const lang::Units& units,
           lang::Schema& schema, const twin::Registry& registry);

  /// What expressions of devices see of the elements of one kind; null where the table is none of them.
  const lang::Scope* outputs_of(TableId kind) const;
  /// The unit of a port that may be driven, and null where the kind has none of that name.
  const lang::Unit* input(TableId kind, const std::string& port) const;
  std::vector<std::string> inputs_of(TableId kind) const;

  /// Two devices that drive the same port, or one whose element lacks it, are errors.
  Diagnostics add(std::span<const Drive> drives, const twin::Registry& registry, twin::Tables& tables);

  Time next() const { return next_; }
  /// At next(): devices' values to the plant, the plant's to the columns, and the plant to the next instant.
  void exchange(const lang::Schema& schema, twin::Tables& tables);

  /// Why the plant cannot go on, with its name; empty while it can.
  Diagnostics breakdown() const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);
  struct PortColumn {
    std::string name;
    lang::Unit unit;
    ColumnId column;           ///< outputs only
    std::vector<size_t> port;  ///< [row of the kind]: its index in the plant's ports, or kNone
  };
  struct Kind {
    TableId table;
    lang::Scope scope;  ///< outputs by name
    std::vector<PortColumn> outputs, inputs;
  };
  struct Driven {
    TableId model;
    ColumnId value;
    std::vector<std::pair<uint32_t, size_t>> cells;  ///< row of the model, port
  };
  const Kind* kind_of(TableId table) const;

  PlantConfig config_;
  std::unique_ptr<CoupledPlant> plant_;
  std::vector<Kind> kinds_;
  std::vector<Driven> driven_;
  Time next_ = kStart;
};

}  // namespace looptwin::sim
