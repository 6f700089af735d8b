#include "testbed/run.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/simd.h"
#include "base/text.h"
#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/snapshots.h"
#include "testbed/virtual_clock.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

std::atomic<bool> g_stop{false};  // a signal handler can reach nothing else

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_stop = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second Ctrl-C ends the program at once
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

using WallClock = std::chrono::steady_clock;
double seconds_since(WallClock::time_point begin) {
  return std::chrono::duration<double>(WallClock::now() - begin).count();
}

std::filesystem::path default_folder(const std::string& name) {
  for (int i = 1;; ++i) {
    auto folder = std::filesystem::path("runs") / (i == 1 ? name : fmt::format("{}-{}", name, i));
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored)) return folder;
  }
}

/// One line on a terminal, rewritten a few times a second; nothing where nobody looks.
class Progress {
 public:
  Progress(Assembly& assembly, bool quiet)
      : assembly_(assembly), on_(!quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (drawn_) std::fputs("\r\033[K", stderr);
  }

  void show(Time now) {
    if (!on_ || seconds_since(last_) < 0.25) return;
    const double wall = seconds_since(begin_);
    const auto& scenario = assembly_.scenario();
    const auto messages = assembly_.processor().counters().messages;
    std::fputs(fmt::format("\r\033[K{}  {:3.0f} %  {:.0f}x  {} messages/s  {} alarms", to_string(now),
                           100 * now.seconds() / scenario.duration.seconds(), now.seconds() / wall,
                           grouped(static_cast<long long>(static_cast<double>(messages) / wall)),
                           assembly_.alarms().counters().raised)
                   .c_str(),
               stderr);
    std::fflush(stderr);
    last_ = WallClock::now();
    drawn_ = true;
  }
  double wall() const { return seconds_since(begin_); }

 private:
  Assembly& assembly_;
  bool on_;
  bool drawn_ = false;
  WallClock::time_point begin_ = WallClock::now();
  WallClock::time_point last_ = begin_;
};

const char* name_of(mml::RunEnd end) {
  switch (end) {
    case mml::RunEnd::reached_end:
      return "reached its end";
    case mml::RunEnd::stopped:
      return "stopped by the user";
    case mml::RunEnd::failed:
      return "failed";
  }
  return "";
}

void row(const char* what, const std::string& text) { fmt::print("  {:<22} {}\n", what, text); }
template <typename N>
std::string number(N n) {
  return grouped(static_cast<long long>(n));
}

/// Only where events can be bypassed or are latched: what nobody should forget.
void events_row(Assembly& a) {
  const auto& events = a.events().all();
  const bool any = std::any_of(events.begin(), events.end(), [](const auto& event) {
    return event.config.latched || event.config.bypassed_while.has_value();
  });
  if (!any) return;
  const auto& counters = a.events().counters();
  const auto waiting = a.events().waiting();
  row("events",
      fmt::format("bypasses {}, withheld {}, resets refused {}; at the end bypassed {}, waiting for "
                  "their reset {}",
                  number(counters.bypasses), number(counters.withheld), number(counters.refused_resets),
                  number(waiting.bypassed), number(waiting.latched)));
  if (waiting.bypassed == 0) return;
  const auto& oldest = events[waiting.oldest];
  row("", fmt::format("bypassed for {}: {} on {}", to_string(a.loop().now() - waiting.oldest_since),
                      oldest.config.name, a.registry().id({oldest.table, Row(waiting.oldest_row)})));
}

void summary(Assembly& a, const Driver& driver, mml::RunEnd end, double wall) {
  const auto& s = a.scenario();
  const auto p = a.processor().counters();
  const auto f = a.fleet().counters();
  const auto d = a.dispatcher().counters();
  const auto& r = a.rules().counters();
  const auto& alarms = a.alarms().counters();
  const auto status = a.processor().devices_by_status();
  const double simulated = a.loop().now().seconds();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fmt::print("\n{}: {}\n", s.name, name_of(end));
  row("simulated",
      fmt::format("{} in {:.1f} s ({:.0f}x)", to_string(a.loop().now() - kStart), wall, simulated / wall));
  row("devices", fmt::format("{}  online {}, stale {}, offline {}, faulty {}, deviating {}",
                             number(a.registry().devices()), number(status[0]), number(status[1]),
                             number(status[2]), number(status[3]), number(status[4])));
  row("messages",
      fmt::format("{} ({}/s); sent {}, lost {}, duplicates {}, gaps {}, restarts {}", number(p.messages),
                  number(static_cast<double>(p.messages) / wall), number(f.sent), number(f.lost),
                  number(p.duplicates), number(p.gaps), number(p.restarts)));
  row("samples",
      fmt::format("{} ({}/s); late {}, future {}, out of range {}, missing {}, rate {}, flat {}, shed {}",
                  number(p.samples), number(static_cast<double>(p.samples) / wall),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::late)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::future)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::out_of_range)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::missing)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::rate)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::flat)]), number(p.shed)));
  row("overrides", fmt::format("claims {}, released {}, yielded to residents {}, conflicts {}",
                               number(r.claims), number(r.releases), number(r.yields), number(r.conflicts)));
  if (const auto& steps = r.sequences; steps.begun > 0)
    row("sequences", fmt::format("begun {}, done {}, aborted {}; steps timed out {}", number(steps.begun),
                                 number(steps.done), number(steps.aborted), number(steps.timed_out)));
  row("commands", fmt::format("issued {}, acknowledged {}, verified {}, refused {}, failed {}, expired {}, "
                              "superseded {}, repeated {}",
                              number(d.issued), number(d.acknowledged), number(d.verified), number(d.refused),
                              number(d.failed), number(d.expired), number(d.superseded), number(d.repeated)));
  events_row(a);
  row("alarms", fmt::format("raised {} (urgent {}, high {}, medium {}, low {}), returned {}",
                            number(alarms.raised), number(alarms.raised_by_priority[3]),
                            number(alarms.raised_by_priority[2]), number(alarms.raised_by_priority[1]),
                            number(alarms.raised_by_priority[0]), number(alarms.returned)));
  const auto figures = a.alarms().figures().report(a.loop().now());
  if (figures.annunciated + figures.hidden > 0) {
    row("", fmt::format("{:.2f} per 10 min, at the most {}; in flood {:.1f} % of the time; top ten {:.0f} %",
                        figures.per_period, number(figures.peak), 100 * figures.in_flood,
                        100 * figures.top_share));
    row("", fmt::format(
                "standing {}, unacknowledged {}, late {}, chattering {}, stale {}, raised while hidden {}",
                number(figures.standing), number(figures.unacknowledged), number(figures.late),
                number(figures.chattering), number(figures.stale), number(figures.hidden)));
  }
  for (const auto& raised : a.alarms().latest()) {
    const auto& config = a.wired().alarms[raised.alarm].config;
    row("", fmt::format("{} {} on {}{}{}", to_string(raised.at - kStart), config.event.name,
                        a.registry().id(raised.device), raised.cause.empty() ? "" : ": ", raised.cause));
  }
  if (const auto& people = a.people().counters(); !s.people.empty())
    row("people", fmt::format("actions {}, refused {}; inputs expired {}", number(people.actions),
                              number(people.refused), number(people.expired)));
  row("published by rules", number(r.published));
  const auto& b = a.broker().counters();
  row("broker",
      fmt::format("refused: no session {}, malformed {}, unknown device {}, foreign credentials {}, "
                  "wrong type {}; commands held {}, expired {}, lost {}; restarts {}",
                  number(b.refused_messages), number(b.malformed), number(b.unknown_devices),
                  number(b.foreign_credentials), number(b.wrong_types), number(b.held), number(b.expired),
                  number(b.lost), number(b.restarts)));
  if (driver.restarts() > 0)
    row("mml",
        fmt::format("restarts {}, boundaries missed {}", number(driver.restarts()), number(driver.missed())));
  row("decisions", number(a.loop().decisions()));
  row("memory",
      fmt::format("{} MiB at the most; hot history {} MiB", usage.ru_maxrss / 1024, a.hot().bytes() >> 20));
  row("fingerprint", a.loop().fingerprint());
}

std::string status_json(Assembly& a, mml::RunEnd end, double wall) {
  const auto p = a.processor().counters();
  const auto d = a.dispatcher().counters();
  const auto of = [&](twin::Quality q) { return p.by_quality[static_cast<size_t>(q)]; };
  return nlohmann::json{{"state", end == mml::RunEnd::reached_end ? "reached_end"
                                  : end == mml::RunEnd::stopped   ? "stopped"
                                                                  : "failed"},
                        {"simulated_s", a.loop().now().seconds()},
                        {"wall_s", wall},
                        {"threads", a.loop().workers().threads()},
                        {"simd", looptwin::name_of(simd())},
                        {"devices", a.registry().devices()},
                        {"messages", p.messages},
                        {"duplicates", p.duplicates},
                        {"gaps", p.gaps},
                        {"restarts", p.restarts},
                        {"samples", p.samples},
                        {"late", of(twin::Quality::late)},
                        {"future", of(twin::Quality::future)},
                        {"out_of_range", of(twin::Quality::out_of_range)},
                        {"missing", of(twin::Quality::missing)},
                        {"rate", of(twin::Quality::rate)},
                        {"flat", of(twin::Quality::flat)},
                        {"shed", p.shed},
                        {"decisions", a.loop().decisions()},
                        {"commands_issued", d.issued},
                        {"alarms_raised", a.alarms().counters().raised}}
      .dump();
}

Exit refuse(const Diagnostics& problems) {
  std::fputs(render(problems).c_str(), stderr);
  size_t errors = 0;
  for (const auto& p : problems) errors += p.severity == Severity::error;
  fmt::print(stderr, "{} error{}\n", errors, errors == 1 ? "" : "s");
  return Exit::bad_input;
}

/// What is run: the scenario with its settings, into which folder, and from which state.
struct Prepared {
  Scenario scenario;
  std::vector<Setting> settings;
  AssemblyOptions options;
  std::optional<Snapshot> from;
};

Result<Prepared> prepare_new(const RunRequest& request) {
  auto scenario = load(request.scenario, request.settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  Prepared prepared{std::move(*scenario), request.settings, {}, {}};
  if (!request.no_out) prepared.options.out = request.out.value_or(default_folder(prepared.scenario.name));
  return prepared;
}

/// A run that has not reached its end goes on from its newest snapshot, or anew where it has none.
Result<Prepared> prepare_resumed(const std::filesystem::path& run) {
  auto resumable = read_resumable(run);
  if (!resumable) return tl::make_unexpected(std::move(resumable.error()));
  const auto manifest =
      nlohmann::json::parse(twin::read_whole_file(run / "manifest.json").value_or(""), nullptr, false);
  if (manifest.is_object() && manifest.contains("status") &&
      manifest["status"].value("state", std::string()) == "reached_end")
    return failure(fmt::format("{} has reached its end: there is nothing to resume", run.string()));
  auto scenario = load(resumable->scenario, resumable->settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (hash_of(*scenario, resumable->settings) != resumable->hash)
    return failure(fmt::format("cannot resume {}: {} has changed since it began", run.string(),
                               resumable->scenario.string()),
                   "run the scenario anew, or bring back the files as they were");
  auto snapshot = newest_snapshot(run);
  if (!snapshot) return tl::make_unexpected(std::move(snapshot.error()));
  if (*snapshot && (*snapshot)->scenario != resumable->hash)
    return failure(fmt::format("cannot resume {}: its snapshot is of another scenario", run.string()));
  Prepared prepared{std::move(*scenario), std::move(resumable->settings), {}, std::move(*snapshot)};
  prepared.options.out = run;
  prepared.options.resume = prepared.from ? prepared.from->recorder : RecorderState{};
  return prepared;
}

Result<void> restore(Assembly& assembly, const Snapshot& from) {
  ArchiveReader world(from.world), loop(from.loop);
  assembly.restore_world(world);
  assembly.restore_loop(loop);
  if (world.ok() && loop.ok()) return {};
  return failure(fmt::format("cannot resume: {}", world.ok() ? loop.error() : world.error()),
                 "this version of looptwin keeps other state: run the scenario anew");
}

}  // namespace

Exit run(const RunRequest& request) {
  auto prepared = request.resume ? prepare_resumed(*request.resume) : prepare_new(request);
  if (!prepared) return refuse(prepared.error());
  prepared->options.threads = request.threads;
  const auto& out = prepared->options.out;
  const auto hash = hash_of(prepared->scenario, prepared->settings);
  auto built = Assembly::build(std::move(prepared->scenario), prepared->options);
  if (!built) return refuse(built.error());
  Assembly& assembly = **built;
  std::fputs(render(assembly.warnings()).c_str(), stderr);
  if (out && !request.resume)
    if (auto noted = write_resumable(*out, {request.scenario, request.settings, hash}); !noted)
      return refuse(noted.error());
  auto driver = Driver::make(assembly, out, prepared->settings);
  if (!driver) return refuse(driver.error());

  g_stop = false;
  stop_on_signals();
  VirtualClock clock(assembly.scenario().start, assembly.scenario().cycle,
                     kStart + assembly.scenario().duration, g_stop, request.speed);
  if (prepared->from) {
    if (auto restored = restore(assembly, *prepared->from); !restored) return refuse(restored.error());
    clock.go_on_after(prepared->from->boundary);
    driver->skip_to(prepared->from->boundary);
  }
  mml::RunEnd end;
  double wall = 0;
  {
    Progress progress(assembly, request.quiet);
    end = driver->run(clock, g_stop, [&](Time now) { progress.show(now); });
    wall = progress.wall();
  }
  Diagnostics problems = driver->error();
  const auto& broken = assembly.transport().breakdown();
  if (end == mml::RunEnd::failed) problems.insert(problems.end(), broken.begin(), broken.end());
  if (end == mml::RunEnd::failed && problems.empty() && assembly.recorder() != nullptr)
    problems = assembly.recorder()->error();
  if (auto finished = assembly.finish(status_json(assembly, end, wall)); !finished && problems.empty())
    problems = finished.error();
  if (!request.quiet) {
    summary(assembly, *driver, end, wall);
    if (out) row("run folder", out->string());
  }
  if (!problems.empty()) return refuse(problems);
  return Exit::held;
}

}  // namespace looptwin::testbed
