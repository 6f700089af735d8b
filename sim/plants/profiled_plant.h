// A coupled plant whose inputs follow profiles in part, as network files bring them: demands over a day. What
// a profile gives is no input of devices any more.
#pragma once

#include <memory>
#include <vector>

#include "sim/plant.h"
#include "sim/plants/gas_network_file.h"

namespace looptwin::sim {

class ProfiledPlant final : public CoupledPlant {
 public:
  /// Profiles are read at every multiple of this, and held in between.
  static constexpr Duration kStep = seconds(1);

  /// A profile of a port that the plant lacks is an error.
  static Result<std::unique_ptr<ProfiledPlant>> make(std::unique_ptr<CoupledPlant> plant,
                                                     std::vector<GasProfile> profiles);

  std::span<const Port> ports() const override { return ports_; }
  std::span<double> values() override { return plant_->values(); }
  void advance(Time to) override;
  const Diagnostics& breakdown() const override { return plant_->breakdown(); }
  void save(ArchiveWriter& writer) const override;
  void restore(ArchiveReader& reader) override;

 private:
  struct Given {
    size_t port;
    GasProfile profile;
  };
  ProfiledPlant() = default;

  std::unique_ptr<CoupledPlant> plant_;
  std::vector<Port> ports_;
  std::vector<Given> given_;
  Time next_ = kStart;
};

}  // namespace looptwin::sim
