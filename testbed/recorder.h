// Writes a run's folder as it goes: samples and rollups into grids, decisions, inputs and publications into
// logs. What it declares, group by group, is documented in docs/formats/run.md.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mml/alarms.h"
#include "mml/processor.h"
#include "mml/rules.h"
#include "mml/sinks.h"
#include "testbed/decision_text.h"
#include "testbed/recorder_state.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/registry.h"
#include "twin/warm/run_writer.h"

namespace looptwin::testbed {

/// How far decisions must have come before they may be sent: what a kill costs, or a power cut, is then
/// known to have been sent by nobody.
enum class SentOnce : uint8_t { handed_over, journalled, durable };

class Recorder final : public mml::HistorySink,
                       public mml::DecisionSink,
                       public mml::InputSink,
                       public mml::Publisher,
                       public mml::AlarmSink {
 public:
  /// Begins the run folder; nothing is left behind where that fails. Or goes on with it after `resume`: what
  /// was written later is removed.
  static Result<std::unique_ptr<Recorder>> create(const std::filesystem::path& folder,
                                                  const Scenario& scenario, const lang::Schema& schema,
                                                  const twin::Registry& registry, twin::Tables& tables,
                                                  const Wired& wired,
                                                  const std::optional<RecorderState>& resume = {},
                                                  std::vector<twin::EarlierRun> history_from = {},
                                                  bool packets = false);
  ~Recorder() override;

  void samples(size_t shard, const twin::Frame& frame) override;
  void bucket(size_t shard, const twin::ClosedBucket& bucket) override;
  bool decided(Time boundary, std::span<const mml::Record> records) override;
  void taken_in(Time boundary, std::span<const twin::Notice> notices) override;
  void taken_in(Time boundary, size_t shard, const twin::Inbox& inbox) override;
  void taken_in(Time boundary, std::span<const twin::OperatorAction> actions) override;
  void publish(uint16_t feed, Time at, const std::string& json_fields) override;
  void raised(const mml::RaisedAlarm& alarm) override;
  void journal(const mml::JournalLine& line) override;

  /// Where a rig's packets, and the samples that were read from them, become rows: for the loop's thread,
  /// between boundaries. Absent where they are not recorded.
  struct PacketRows {
    twin::Lane& lane;
    twin::LogId packets, samples;
  };
  std::optional<PacketRows> packet_rows();

  /// From now on; `handed_over` at first, as in virtual time nothing that is sent outlives the run.
  void send_once(SentOnce kept) { sent_once_ = kept; }

  /// All up to the last boundary is on the disk, and where that ends.
  Result<RecorderState> settle();
  /// The run may be resumed from the last boundary, and no more from an earlier one.
  void mark() { writer_->mark(); }

  /// What the disk refused; empty while all is well.
  Diagnostics error() const;
  Result<void> finish(const std::string& status_json, const std::string& fingerprint);

 private:
  struct Grid;
  struct Scratch;
  struct Spec;
  struct DerivedGrid;
  Recorder(const Scenario& scenario, const lang::Schema& schema, const twin::Registry& registry,
           twin::Tables& tables);
  void declare(const Wired& wired);
  Result<void> open_feeds(const std::optional<RecorderState>& resume);
  void declare_raw(const twin::Model& model, const std::string& pattern);
  void declare_rollup(const twin::Model& model, Duration length, size_t first);
  void declare_derived(const mml::Derived& derived);
  void keep_derived(Time boundary);
  int32_t taken_in_after(Time sampled_at, Time received_at) const;
  void put(Scratch& scratch, const Grid& grid, int64_t slot, twin::Lane& lane, size_t first_variable,
           size_t variables);

  const Scenario& scenario_;
  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  std::filesystem::path folder_;
  std::unique_ptr<Spec> spec_;
  std::unique_ptr<twin::RunWriter> writer_;
  std::vector<Grid> grids_;
  std::vector<DerivedGrid> derived_;
  std::vector<std::unique_ptr<Scratch>> scratch_;  ///< [shard]
  std::unique_ptr<DecisionText> text_;
  std::vector<mml::AlarmPriority> alarm_priorities_;
  std::vector<std::ofstream> feeds_;  ///< [feed of the scenario]; open where it is published to
  twin::LogId decisions_, inputs_, people_, published_, alarms_, journal_;
  bool record_packets_ = false;
  std::vector<Time> boundaries_;  ///< the last ones, where they come on arrival
  SentOnce sent_once_ = SentOnce::handed_over;
  twin::LogId packets_, packet_samples_;
};

}  // namespace looptwin::testbed
