// A Transport that writes down what another one hands over, before anybody has touched it: the input log.
// Nothing above knows of it. A boundary's record is written once people's actions are asked for, before
// anything is decided on it.
#pragma once

#include <vector>

#include "base/deflate.h"
#include "twin/input_log/input_log.h"
#include "twin/tables.h"

namespace looptwin::twin {

class RecordingTransport final : public Transport {
 public:
  RecordingTransport(Transport& inner, InputLogWriter writer, size_t shards);

  void begin(Time boundary) override { inner_.begin(boundary); }
  /// The other one's, or that the disk refused.
  const Diagnostics& breakdown() const override;
  void poll_notices(Time boundary, std::vector<Notice>& notices) override;
  void poll(size_t shard, Time boundary, Inbox& inbox) override;
  void poll_people(Time boundary, std::vector<OperatorAction>& actions) override;
  void send(Time now, std::span<const Command> commands) override { inner_.send(now, commands); }
  void set_out(size_t shard, Time now) override { inner_.set_out(shard, now); }

  /// All that was taken in is on the disk.
  Result<void> sync() { return writer_.sync(); }
  /// The last record: how the run ended.
  Result<void> end(Time now, std::string_view how);
  uint64_t bytes() const { return writer_.size(); }

 private:
  /// One shard's part of the boundary, packed by the thread that polled it.
  struct Part {
    InputPartHeader header;
    std::vector<std::byte> plain, packed;
    Deflater deflater;
    void pack();
    std::span<const std::byte> stored() const { return header.packed != 0 ? packed : plain; }
  };

  Transport& inner_;
  InputLogWriter writer_;
  void add_piece(const Part& part);

  Part notices_;
  std::vector<Part> parts_;  ///< [shard], then the people's
  std::vector<std::span<const std::byte>> pieces_;
  Diagnostics refused_;
};

}  // namespace looptwin::twin
