// A rig's way over a real Mosquitto on loopback, the loop whole: Paho, codec, twins, an event, a rule, a
// command. Devices are another process with one libmosquitto connection, the same for looptwin and its
// reference; looptwin and its reference run in this one, one after the other.
//
// Latency: 1 000 devices report at 1 000 messages/s, QoS 1; each report raises or clears an event whose rule
// sends a command, QoS 1. Boundaries come as messages come. Figure: from before the report is published to
// the command's arrival, p50 and p99 in ms. Reference: a bare Paho client that answers each message at once.
//
// Ingest: as fast as the devices' connection takes them, boundaries every 200 ms. Figure: messages a second
// that were taken in, over one connection and over two more. Reference: a bare Paho client that counts them.
//
// Outage: messages at a steady rate for 30 s; after a third the broker ends, and is started again a second
// later. Figures: messages that were lost, and that were applied twice. A broker that is stopped loses none;
// one that is killed loses what it had acknowledged and not passed on, and then each is counted as a gap,
// unless devices keep their messages until these are confirmed: then none.
//
// Sessions: 2 000 devices with a connection each, all of one thread. Figures: seconds until all are there,
// and until they are again after the broker was killed and started; messages a second that they say, QoS 1.
// Reference: as many messages over one connection.
#include <algorithm>

#include "base/check.h"
#include "bench/bench.h"
#include "bench/rig/rig_plant.h"
#include "hil/mosquitto.h"
#include "hil/mqtt_link.h"
#include "hil/steady_time.h"

using namespace looptwin;

namespace {

double percentile(std::vector<float> values, double share) {
  LT_CHECK(!values.empty(), "something was heard");
  const auto at = values.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::unique_ptr<hil::Mosquitto> broker() {
  auto started = hil::Mosquitto::start({});
  if (!started) std::fputs(render(started.error()).c_str(), stderr);
  LT_CHECK(started.has_value(), "Mosquitto is installed");
  return std::move(*started);
}

void latency(bench::Report& report, double rate, uint64_t messages) {
  const auto own = broker();
  const bench::Chatter chatter{
      .broker = own->address(), .devices = 1000, .messages = messages, .rate = rate, .hears = true};
  const bench::Until until{.enough = messages, .patience = seconds(10)};
  bench::Devices bare(chatter);
  bench::run_bare(own->address(), true, until, [&] { bare.start(); });
  const auto reference = bare.join();
  bench::Devices devices(chatter);
  bench::run_loop(own->address(), chatter.devices, {}, until, [&] { devices.start(); });
  const auto heard = devices.join();
  report.row("telemetry to command, p50", percentile(heard.latencies, 0.5), "ms",
             percentile(reference.latencies, 0.5), bench::Better::lower);
  report.row("telemetry to command, p99", percentile(heard.latencies, 0.99), "ms",
             percentile(reference.latencies, 0.99), bench::Better::lower);
  report.row("  answered of all sent",
             static_cast<double>(heard.latencies.size()) / static_cast<double>(heard.sent), "");
}

void ingest(bench::Report& report, uint64_t messages, size_t more) {
  const auto own = broker();
  const bench::Chatter chatter{.broker = own->address(), .devices = 1000, .messages = messages};
  const bench::Until until{.enough = messages, .patience = seconds(10)};
  bench::Devices bare(chatter);
  const auto reference = bench::run_bare(own->address(), false, until, [&] { bare.start(); });
  bench::Devices devices(chatter);
  const auto taken = bench::run_loop(
      own->address(), chatter.devices, milliseconds(200), until, [&] { devices.start(); }, {}, more);
  const auto rate = [](const bench::Taken& t) { return static_cast<double>(t.messages) / t.seconds; };
  report.row(more == 0 ? "ingest" : "ingest, two more connections", rate(taken), "messages/s",
             rate(reference));
}

void sessions(bench::Report& report, size_t count, uint64_t messages) {
  const auto own = broker();
  bench::Sessions one(own->address(), 1);
  one.join();
  const double reference = one.speak(messages);
  bench::Sessions all(own->address(), count);
  report.row("sessions: until all are there", all.join(), "s");
  report.row("sessions: what they say", all.speak(messages), "messages/s", reference);
  report.row("sessions: until they are there again",
             all.come_back([&] { own->kill(); },
                           [&] { LT_CHECK(own->start_again().has_value(), "the broker starts again"); }),
             "s");
}

std::string outage_name(bool killed, bool keeps) {
  return keeps ? "broker killed, devices keep" : killed ? "broker killed" : "broker stopped";
}

/// Returns whether nothing was lost in silence, where it was stopped or devices keep their messages nothing
/// at all, and nothing applied twice.
bool outage(bench::Report& report, bool killed, bool keeps, double rate, double for_seconds, Duration away) {
  const auto own = broker();
  const auto messages = static_cast<uint64_t>(rate * for_seconds);
  const bench::Chatter chatter{
      .broker = own->address(), .devices = 1000, .messages = messages, .rate = rate, .keeps = keeps};
  bench::Devices devices(chatter);
  hil::MachineTime time;
  Duration begun{};
  int step = 0;
  const auto taken = bench::run_loop(
      own->address(), chatter.devices, milliseconds(100), {.enough = messages, .patience = seconds(20)},
      [&] {
        own->keep();  // the loop's session: it is on the disk once somebody who comes later is served
        LT_CHECK(hil::connect_mqtt({.broker = own->address(), .client_id = "later"}).has_value(),
                 "the broker serves");
        devices.start();
        begun = time.now();
      },
      [&] {
        const Duration third = nanoseconds(static_cast<int64_t>(for_seconds * 1e9 / 3));
        if (step == 0 && time.now() > begun + third) {
          killed ? own->kill() : own->stop();
          ++step;
        } else if (step == 1 && time.now() > begun + third + away) {
          LT_CHECK(own->start_again().has_value(), "the broker starts again");
          ++step;
        }
      });
  const auto heard = devices.join();
  LT_CHECK(taken.losses >= 1, "the broker was lost");
  const std::string name = outage_name(killed, keeps) + ": ";
  report.row(name + "messages", static_cast<double>(heard.sent), "");
  report.row(name + "rate", static_cast<double>(heard.sent) / heard.seconds, "messages/s", rate);
  report.row(name + "lost", static_cast<double>(heard.sent) - static_cast<double>(taken.messages), "");
  report.row(name + "counted as gaps", static_cast<double>(taken.gaps), "");
  report.row(name + "came twice, applied once", static_cast<double>(taken.duplicates), "");
  // A number that comes more than 64 late is taken in, and stays counted as a gap.
  const bool all = taken.messages == heard.sent && (keeps ? taken.given_up : taken.gaps) == 0;
  const bool none_in_silence = taken.messages + taken.gaps >= heard.sent && taken.messages <= heard.sent;
  return heard.sent == messages && (killed && !keeps ? none_in_silence : all);
}

}  // namespace

int main(int argc, char** argv) {
  if (bench::play(argc, argv)) return 0;
  const auto options = bench::parse(argc, argv);
  bench::Report report(options);
  const bool quick = options.quick;
  bool held = true;
  if (report.wants("latency")) latency(report, 1000, quick ? 1000 : 20'000);
  if (report.wants("ingest"))
    for (const size_t more : {0, 2}) ingest(report, quick ? 2000 : 200'000, more);
  for (const auto& [killed, keeps] : {std::pair(false, false), std::pair(true, false), std::pair(true, true)})
    if (report.wants(outage_name(killed, keeps)))
      held &= outage(report, killed, keeps, quick ? 1000 : 10'000, quick ? 3 : 30,
                     milliseconds(quick ? 300 : 1000));
  if (report.wants("sessions")) sessions(report, quick ? 100 : 2000, quick ? 2000 : 100'000);
  if (!held) std::fputs("bench_rig: messages were lost in silence, or applied twice\n", stderr);
  return held ? 0 : 1;
}
