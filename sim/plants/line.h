// A production line as a coupled plant: sources, buffers and stations of machines that fail, on the event
// kernel. Parts wait in buffers, machines take, work, and pass on; a machine is starved by an empty buffer
// and blocked by a full one. What is written to inputs acts at once. docs/plants/production-line.md lists
// ports and semantics; queues and two-machine lines of known solution are its tests.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/draws.h"
#include "sim/kernel.h"
#include "sim/plant.h"
#include "sim/plants/line_config.h"

namespace looptwin::sim {

class ProductionLine final : public CoupledPlant, private Handler {
 public:
  /// Names that lead nowhere, shares out of [0, 1], what is missing: all at once.
  static Result<std::unique_ptr<ProductionLine>> make(const LineConfig& config, uint64_t seed);

  std::span<const Port> ports() const override { return ports_; }
  std::span<double> values() override { return values_; }
  void advance(Time to) override;
  void save(ArchiveWriter& writer) const override;
  void restore(ArchiveReader& reader) override;

 private:
  static constexpr uint32_t kNowhere = ~uint32_t{0};
  static constexpr size_t kSourcePorts = 3, kBufferPorts = 3, kStationPorts = 15;

  struct Part {
    int64_t entered = 0;  ///< the line, ns
    int64_t ready = 0;    ///< to be taken from its buffer, ns
    uint64_t defective = 0;
  };
  struct Buffer {
    std::string name;
    uint64_t capacity = UINT64_MAX;
    int64_t travel = 0;
    std::deque<Part> parts;
    uint64_t promised = 0;  ///< places kept for parts that are worked on
    uint64_t entered = 0;
    std::deque<uint32_t>
        givers;  ///< who waits for a place, in turn: machines, and sources + machines' number
    std::deque<uint32_t> takers;  ///< machines that wait for a part
    int64_t level_time = 0;       ///< part·ns up to `since`
    int64_t since = 0;
  };
  struct Source {
    LineSourceConfig config;
    uint32_t to = 0;
    Draws draws;
    double rate = 1;
    uint64_t device = 0, drawn = 0, made = 0, lost = 0;
    int64_t left = 0;  ///< until the next part at rate 1, ns, as of `since`
    int64_t since = 0;
    uint8_t waiting = 0;  ///< with a part in hand
    StepHandle next;
  };
  enum class State : uint8_t { starved, working, blocked, down, stopped };
  static constexpr size_t kStates = 5;
  static constexpr int64_t kNoLimit = INT64_MAX;
  struct Machine {
    uint32_t station = 0;
    State state = State::stopped;
    uint8_t promised = 0;  ///< has a place in the next buffer
    uint8_t has_part = 0, rejected = 0;
    Part part;
    int64_t work_left = 0;            ///< ns at speed 1, as of `since`
    int64_t failure_left = kNoLimit;  ///< ns of work, likewise
    int64_t since = 0;
    uint64_t parts = 0, failures = 0;  ///< counters of its draws
    uint64_t device = 0;               ///< under which it draws
    StepHandle next;
  };
  struct Station {
    LineStationConfig config;
    uint32_t from = kNowhere, to = kNowhere, rejects = kNowhere;
    uint32_t first = 0;  ///< of its machines
    Draws work, begins_to_fail, failure, repair, spoils, inspects;
    double speed = 1;
    uint8_t running = 1, halted = 0;
    uint64_t made = 0, rejected = 0;
    uint64_t number[kStates] = {};  ///< of machines in each state
    int64_t time[kStates] = {};     ///< machine·ns up to `since`
    int64_t since = 0;
    bool moves() const { return halted == 0 && speed > 0; }
    bool begins() const { return running != 0 && moves(); }
  };

  ProductionLine(const LineConfig& config, uint64_t seed);
  void declare();
  void declare(const std::string& element, const char* quantity, const char* unit, PortDirection way,
               double value = 0);
  void begin();

  void step(Kernel& kernel, const Step& step) override;
  void read_inputs();
  void read_inputs(Station& station, double running, double speed, double halted);
  void write_outputs();

  // Sources.
  void pace(uint32_t source);
  void hold(Source& source);
  void arrive(uint32_t source);

  // Machines. A free one seeks a part (and a place, where it blocks before its service), works, gives it
  // away.
  void seek(uint32_t machine);
  void begin_work(uint32_t machine);
  void go_on(uint32_t machine);
  void hold(Machine& machine);
  void progress(uint32_t machine);
  void repaired(uint32_t machine);
  void judge(uint32_t machine);
  void give(uint32_t machine);
  void leave_line(const Machine& machine);
  void set(Machine& machine, State state);

  // Buffers. Who gave or took goes on only after the buffer has been offered to those that wait.
  bool has_part(uint32_t buffer) const;
  bool has_place(uint32_t buffer) const;
  Part take(uint32_t buffer);
  void put(uint32_t buffer, Part part);
  void offer_place(uint32_t buffer);
  void offer_part(uint32_t buffer);
  static void count_level(Buffer& buffer, int64_t now);
  int64_t now() const { return kernel_.now().ns; }

  Kernel kernel_;
  StepType arrival_, progress_, repair_, ready_;
  std::vector<Buffer> buffers_;
  std::vector<Source> sources_;
  std::vector<Station> stations_;
  std::vector<Machine> machines_;
  uint64_t entered_ = 0, delivered_ = 0, delivered_defective_ = 0, scrapped_ = 0, scrapped_good_ = 0;
  int64_t lead_time_ = 0;  ///< ns of all delivered parts
  std::vector<Port> ports_;
  std::vector<double> values_;
};

}  // namespace looptwin::sim
