#include "testbed/rig/rig_access.h"

#include <fmt/format.h>

#include "base/text.h"
#include "hil/access_files.h"
#include "hil/broker_registry.h"
#include "hil/steady_time.h"
#include "testbed/reading/csv.h"
#include "testbed/rig/device_mappings.h"
#include "twin/registry_store.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {

std::vector<std::filesystem::path> registries_of(const RigConfig& rig, const Scenario& scenario) {
  std::vector<std::filesystem::path> files;
  if (!rig.registry.empty()) files.push_back(rig.registry);
  for (const auto& file : scenario.registries) {
    const auto path = (scenario.folder / file).lexically_normal();
    if (std::find(files.begin(), files.end(), path) == files.end()) files.push_back(path);
  }
  return files;
}

Result<std::map<std::string, std::string>> read_secrets(const std::filesystem::path& file) {
  std::map<std::string, std::string> secrets;
  if (file.empty()) return secrets;
  auto text = twin::read_whole_file(file);
  if (!text) return tl::make_unexpected(std::move(text.error()));
  Diagnostics problems;
  CsvRows rows(std::make_shared<const Source>(Source{file.string(), std::move(*text)}), {}, problems);
  while (const auto row = rows.next()) {
    const yaml::Node *id = nullptr, *secret = nullptr;
    for (const auto& entry : row->entries) {
      if (entry.key == "id") id = &entry.value;
      if (entry.key == "secret") secret = &entry.value;
    }
    if (id == nullptr || secret == nullptr)
      return failure(row->span, "a row of secrets has an id and a secret",
                     "write id,secret on the first line");
    secrets[id->text] = secret->text;
  }
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return secrets;
}

namespace {

/// All that the files are made of: devices, and the secrets of those that are known.
Result<void> write_access(const AclRequest& request, const RigConfig& rig, const Scenario& scenario) {
  const auto mappings = device_mappings(rig, scenario);
  if (!mappings) return tl::make_unexpected(mappings.error());
  hil::BrokerView view;
  for (const auto& mapping : *mappings) {
    auto topics = hil::topics_of(mapping);
    if (!topics) return tl::make_unexpected(std::move(topics.error()));
    view.models.push_back(std::move(*topics));
  }
  const auto registries = registries_of(rig, scenario);
  if (registries.empty())
    return failure(fmt::format("{} has no registry", rig.name), "write registry: FILE into its rig.yaml");
  for (const auto& file : registries) {
    const auto store = twin::RegistryStore::open(file, twin::RegistryStore::Access::read);
    if (!store) return tl::make_unexpected(store.error());
    if (auto added = hil::add_devices(view, *store, *mappings); !added) return added;
  }
  auto secrets = read_secrets(request.secrets);
  if (!secrets) return tl::make_unexpected(std::move(secrets.error()));
  const std::string user = rig.broker.user.empty() ? "looptwin" : rig.broker.user;
  if (!rig.broker.password.empty()) secrets->emplace(user, rig.broker.password);
  std::error_code error;
  std::filesystem::create_directories(request.out, error);
  if (error) return twin::disk_failure("make", request.out, error.value());
  if (auto done = twin::write_whole_file(request.out / "acl_file", hil::acl_file(view, user)); !done)
    return done;
  if (auto done = twin::write_whole_file(request.out / "password_file", hil::password_file(*secrets)); !done)
    return done;
  fmt::print("{} devices in {}, {} passwords in {}\n", view.devices.size(),
             (request.out / "acl_file").string(), secrets->size(), (request.out / "password_file").string());
  return {};
}

}  // namespace

Exit write_acl(const AclRequest& request) {
  const auto rig = load_rig(request.rig);
  if (!rig) return refuse(rig.error());
  const auto scenario = load(rig->scenario, {});
  if (!scenario) return refuse(scenario.error());
  if (const auto written = write_access(request, *rig, *scenario); !written) return refuse(written.error());
  return Exit::held;
}

}  // namespace looptwin::testbed
