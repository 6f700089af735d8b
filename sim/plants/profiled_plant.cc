#include "sim/plants/profiled_plant.h"

#include <utility>

namespace looptwin::sim {

Result<std::unique_ptr<ProfiledPlant>> ProfiledPlant::make(std::unique_ptr<CoupledPlant> plant,
                                                           std::vector<GasProfile> profiles) {
  std::unique_ptr<ProfiledPlant> made(new ProfiledPlant);
  made->ports_.assign(plant->ports().begin(), plant->ports().end());
  Diagnostics problems;
  for (GasProfile& profile : profiles) {
    const auto port = find_port(*plant, profile.port);
    if (!port) {
      problems.insert(problems.end(), port.error().begin(), port.error().end());
      continue;
    }
    made->ports_[*port].direction = PortDirection::out;
    made->given_.push_back({*port, std::move(profile)});
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  made->plant_ = std::move(plant);
  return made;
}

void ProfiledPlant::advance(Time to) {
  for (; next_ < to; next_ = next_ + kStep) {
    plant_->advance(next_);
    for (const Given& given : given_) plant_->values()[given.port] = given.profile.at(next_.seconds());
  }
  plant_->advance(to);
}

void ProfiledPlant::save(ArchiveWriter& writer) const {
  writer.section("profiled_plant", 1);
  writer.put(next_);
  plant_->save(writer);
}

void ProfiledPlant::restore(ArchiveReader& reader) {
  reader.section("profiled_plant", 1);
  next_ = reader.get<Time>();
  plant_->restore(reader);
}

}  // namespace looptwin::sim
