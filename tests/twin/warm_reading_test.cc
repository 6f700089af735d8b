// Reading a run's folder while it is written.
#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>

#include "tests/twin/warm_support.h"

using namespace looptwin;
using namespace looptwin::twin;
using namespace looptwin::twin::warm_test;

TEST_CASE("run folder: what is journalled is read by others at once") {
  Scratch scratch;
  auto writer = good(RunWriter::create(scratch / "run", small_spec(), small_options()));
  for (int64_t second = 0; second < 150; ++second) {
    run_seconds(writer, second, second + 1);
    const Time boundary{seconds(second + 1).ns};
    good(writer.await_journalled(boundary));
    CHECK(writer.journalled() == boundary);
    auto running = good(RunReader::open(scratch / "run"));
    CHECK(running.end() == Position{static_cast<uint64_t>(second + 1), boundary});
  }
  auto running = good(RunReader::open(scratch / "run"));
  CHECK(holds_all_up_to(running, 150));
}

TEST_CASE("run folder: what retention drops while it is read is as if it had been gone when it was opened") {
  Scratch scratch;
  auto options = small_options();
  options.keep_time = seconds(100);
  auto writer = good(RunWriter::create(scratch / "run", small_spec(), options));
  run_seconds(writer, 0, 150);
  good(writer.await_durable(Time{seconds(150).ns}));
  auto run = good(RunReader::open(scratch / "run"));
  const auto full = files_in(scratch / "run/segments").at("000001.h5").size();
  run_seconds(writer, 150, 400);
  good(writer.finish("{}"));
  REQUIRE(files_in(scratch / "run/segments").at("000001.h5").size() < full);
  CHECK(good(run.slots(GridId(0))).first >= 5);
  CHECK(good(run.first_log_row(LogId(0))) == 0);
  const auto ids = std::get<std::vector<int64_t>>(good(run.read_log(LogId(0), 5)));
  CHECK(ids.back() == 147'000);
  const auto power = good(run.read(GridId(0), 1, {0, 1}, {0, 15}));
  CHECK(std::isnan(power[3]));
  CHECK(power[14] == power_of(0, 14) / 100.0);
}

TEST_CASE("run folder: one that is being written has no damage, and all up to its end") {
  Scratch scratch;
  auto writer = good(RunWriter::create(scratch / "run", small_spec(300), small_options()));
  std::atomic<bool> over{false};
  std::thread cycles([&] {
    for (int64_t second = 0; !over; second += 10) run_seconds(writer, second, second + 10);
  });
  Time last{0};
  for (int opened = 0; opened < 400; ++opened) {
    auto run = good(RunReader::open(scratch / "run"));
    if (!run.damage().empty()) FAIL_CHECK(run.damage()[0]);
    if (run.end().boundary < last) FAIL_CHECK("went back to " << run.end().boundary.seconds());
    last = run.end().boundary;
  }
  over = true;
  cycles.join();
  CHECK(last > Time{0});
}

TEST_CASE("run folder: the end of a record that is on its way is no damage, and one that never comes is") {
  Scratch scratch;
  const Position end{50, Time{seconds(50).ns}};
  {
    auto writer = good(RunWriter::create(scratch / "run", small_spec(), small_options()));
    run_seconds(writer, 0, 50);
    good(writer.await_journalled(end.boundary));
    std::ofstream(scratch / "run/journal/000001.journal", std::ios::app) << "the beginning of a record";
    auto run = good(RunReader::open(scratch / "run"));
    CHECK(run.damage().empty());
    CHECK(run.end() == end);
  }
  auto run = good(RunReader::open(scratch / "run"));
  REQUIRE(run.damage().size() == 1);
  CHECK(run.damage()[0].find("000001.journal: a record is torn at byte") != std::string::npos);
  CHECK(run.end() == end);
}
