// Where one model's quantities stand: its mapping's places with the topics that they share, and values in the
// units and words of the wire.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "hil/conventions/convention.h"

namespace looptwin::hil {

class ModelPlaces {
 public:
  ModelPlaces(const twin::Registry& registry, TableId table, Mapping mapping);
  ModelPlaces(const ModelPlaces&) = delete;  // `said` points into its own mapping
  ModelPlaces& operator=(const ModelPlaces&) = delete;

  enum class Use : uint8_t { field, setpoint, command };
  /// One place at which one quantity is said.
  struct Said {
    Use use;
    uint16_t index;
    const Place* place;
    const TopicTemplate* topic;
  };
  const std::vector<Said>& said() const { return said_; }
  /// Where a setpoint or a command is told; null where it has no place.
  const Place* told(twin::Command::Kind kind, uint16_t index) const;
  bool is_shown(Use use, uint16_t index) const;

  TableId table() const { return table_; }
  const Mapping& mapping() const { return mapping_; }
  const twin::ModelConfig& config() const { return config_; }

  /// The device that a topic names by one of the mapping's templates.
  std::optional<twin::DeviceRef> device(const TopicTemplate& topic, std::string_view text) const;
  std::string topic(const TopicTemplate& topic, twin::DeviceRef device) const;
  /// A filter for each depth of names that the devices have.
  void add_filters(const TopicTemplate& topic, std::set<std::string>& filters) const;

  /// Absent where the value is of another type than the model's.
  std::optional<int32_t> raw(const Said& said, const Scalar& value) const;
  std::optional<double> value(uint16_t setpoint, const Place& place, const Scalar& value) const;
  Scalar scalar(const Said& said, int32_t raw) const;
  Scalar scalar(uint16_t setpoint, const Place& place, double value) const;

 private:
  const twin::Registry& registry_;
  TableId table_;
  Mapping mapping_;
  twin::ModelConfig config_;
  std::vector<twin::Scaling> scalings_;
  std::vector<Said> said_;
  std::map<std::string, std::string, std::less<>> ids_;  ///< registry ids by what devices call themselves
};

/// One for each model that speaks so, and the one of a device's.
std::deque<ModelPlaces> places_of(const Speakers& speakers);
const ModelPlaces* of_table(const std::deque<ModelPlaces>& models, TableId table);

/// Values by pointers into one payload, which is read once and only if somebody asks for more than the whole.
class Reading {
 public:
  explicit Reading(std::string_view payload);
  ~Reading();
  /// Absent where nothing stands there; a problem where the payload cannot be read or no scalar stands there.
  tl::expected<std::optional<Scalar>, PayloadProblem> at(const std::string& pointer);

 private:
  struct Parsed;
  std::string_view payload_;
  std::unique_ptr<Parsed> parsed_;
};

/// A value as a bare payload: texts without quotes.
std::string bare_text(const Scalar& value);
/// JSON with values at pointers.
std::string json_text(const std::vector<std::pair<std::string, Scalar>>& values);

}  // namespace looptwin::hil
