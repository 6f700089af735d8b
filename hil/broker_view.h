// What a broker has to know of the registry: who may connect, and on which topics each may speak and listen.
// looptwin writes it as one file, which is there in full or not at all; the plugin in the broker reads it.
// The registry's key stands in it, so that it is its owner's alone.
#pragma once

#include <string>
#include <vector>

#include "hil/mapping.h"
#include "twin/credentials.h"
#include "twin/device_record.h"

namespace looptwin::hil {

struct BrokerView {
  /// One that may publish and hear everything: looptwin itself.
  struct Host {
    std::string name;
    std::string hash;  ///< with keys[0]
  };
  struct Model {
    std::string name;
    std::vector<TopicTemplate> says, hears;
  };
  struct Device {
    std::string id;
    uint32_t model = 0;
    uint32_t key = 0;  ///< what its hash was made with
    twin::DeviceState state = twin::DeviceState::provisioned;
    std::string hash;  ///< empty: it has no secret
  };
  uint32_t most_messages = 1000;  ///< of one device in a second; what is beyond it is shed
  std::vector<twin::RegistryKey> keys;
  std::vector<Host> hosts;
  std::vector<Model> models;
  std::vector<Device> devices;
};

/// Which topics the devices of a model speak and listen on; an error where these do not go by their ids.
Result<BrokerView::Model> topics_of(const Mapping& mapping);

std::string to_text(const BrokerView& view);
/// A file that was cut off is an error.
Result<BrokerView> parse_view(const SourcePtr& source);

}  // namespace looptwin::hil
