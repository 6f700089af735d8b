// What the world does to a run folder: files that tear, shorten and flip, a writer that is killed, a disk
// that is full.
#include "tests/twin/warm_support.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <atomic>
#include <csignal>
#include <random>

#include "twin/warm/journal.h"

using namespace looptwin;
using namespace looptwin::twin;
using namespace looptwin::twin::warm_test;

namespace {

/// A run of 95 s that was killed: one segment and a journal of 35 cycles. `ends` are where its records end.
struct KilledRun {
  Scratch scratch;
  fs::path folder = scratch / "run", journal = journal_path(folder, 2);
  std::string bytes;
  std::vector<size_t> ends;

  KilledRun() {
    {
      auto writer = good(RunWriter::create(folder, small_spec(), small_options()));
      run_seconds(writer, 0, 95);
    }
    bytes = bytes_of(journal);
    auto reader = good(JournalReader::open(journal));
    JournalRecord record;
    do ends.push_back(reader.good_bytes());
    while (reader.next(record));
    REQUIRE(ends.size() == 36);
    REQUIRE(ends.back() == bytes.size());
  }

  /// How many seconds must be readable when the journal is good up to this byte.
  int64_t seconds_within(size_t good_bytes) const {
    int64_t seconds = 59;
    for (const size_t end : ends) seconds += end <= good_bytes;
    return std::max<int64_t>(seconds, 60);
  }

  void check(const std::string& damaged, int64_t expected) {
    write_bytes(journal, damaged);
    auto run = good(RunReader::open(folder));
    const bool is_as_expected =
        run.end() == Position{static_cast<uint64_t>(expected), Time{seconds(expected).ns}};
    if (!is_as_expected || !holds_all_up_to(run, expected)) FAIL("not all of " << expected << " s is there");
  }
};

/// Runs work in a process of its own, which ends with what it returns.
template <typename Work>
pid_t in_child(Work&& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(work());
  return child;
}

int status_of(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

/// Fills a disk that holds less than the run: everything journalled must stay readable, and resume after. 0:
/// so it is.
int fill_disk(const fs::path& folder, const std::string& expected_reason) {
  auto options = small_options();
  options.sync_every = nanoseconds(-1);
  int64_t journalled = 0;
  {
    auto writer = RunWriter::create(folder, small_spec(3000), options);
    if (!writer) return 1;
    for (int64_t second = 1; second < 10'000 && !writer->failed(); ++second) {
      put_cycle(*writer, second, 1);
      writer->end_cycle(Time{seconds(second).ns});
    }
    if (!writer->failed()) return 2;
    for (int64_t second = 20'000; second < 20'100; ++second)
      writer->end_cycle(Time{seconds(second).ns});  // goes on, lost
    if (render(writer->error()).find(expected_reason) == std::string::npos) return 3;
    if (writer->await_durable(Time{seconds(20'099).ns})) return 4;
    if (writer->finish("{}")) return 5;
    journalled = writer->journalled().ns / seconds(1).ns;
  }
  auto run = RunReader::open(folder);
  if (!run) return 6;
  if (run->end().boundary.ns != seconds(journalled).ns || !run->damage().empty()) return 7;
  return holds_all_up_to(*run, journalled) ? 0 : 8;
}

}  // namespace

TEST_CASE("journal: a torn tail is dropped, all before it is kept, at whichever byte it tears") {
  KilledRun run;
  const size_t last = run.ends[run.ends.size() - 5];
  for (size_t size = last; size <= run.bytes.size(); ++size)
    run.check(run.bytes.substr(0, size), run.seconds_within(size));
  for (size_t size = 0; size < run.ends[0] + 100; size += 3)
    run.check(run.bytes.substr(0, size), run.seconds_within(size));
}

TEST_CASE("journal: a flipped bit is found, what follows is dropped and said, all before it is kept") {
  KilledRun run;
  std::mt19937_64 random(7);
  const auto flip = [&](size_t byte, unsigned bit) {
    auto damaged = run.bytes;
    damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << bit));
    // The record that holds the byte is lost, and all after it.
    size_t good_bytes = 0;
    for (const size_t end : run.ends) good_bytes = end <= byte ? end : good_bytes;
    run.check(damaged, run.seconds_within(good_bytes));
    const auto damage = good(RunReader::open(run.folder)).damage();
    REQUIRE(damage.size() == 1);
    CHECK(damage[0].find(run.journal.string()) != std::string::npos);
  };
  for (size_t byte = run.ends[run.ends.size() - 3]; byte < run.bytes.size(); ++byte) flip(byte, byte % 8);
  for (int i = 0; i < 100; ++i) flip(random() % run.bytes.size(), static_cast<unsigned>(random() % 8));
}

TEST_CASE("journal: zeroes after a power cut are not taken for records, and a resumed run writes over them") {
  KilledRun run;
  run.check(run.bytes + std::string(4096, '\0'), 95);
  auto writer = good(RunWriter::resume(run.folder, small_spec()));
  run_seconds(writer, 95, 200);
  good(writer.finish("{}"));
  auto reader = good(RunReader::open(run.folder));
  CHECK(reader.damage().empty());
  CHECK(holds_all_up_to(reader, 200));
}

TEST_CASE("journal: a record that makes no sense, though its checksum is right, is dropped") {
  KilledRun run;
  {
    auto writer = good(JournalWriter::resume(run.journal, run.ends[20]));
    const std::vector<std::byte> nonsense(64, std::byte{0xff});
    const std::span<const std::byte> piece(nonsense);
    good(writer.append(RecordKind::cycle, 80, Time{seconds(81).ns}, std::span(&piece, 1)));
  }
  run.check(bytes_of(run.journal), 80);
}

TEST_CASE(
    "segments: one that is half written under its temporary name is passed over, and removed on resuming") {
  KilledRun run;
  write_bytes(run.folder / "segments/000002.h5.tmp", "half");
  run.check(run.bytes, 95);
  good(good(RunWriter::resume(run.folder, small_spec())).finish("{}"));
  CHECK(!fs::exists(run.folder / "segments/000002.h5.tmp"));
  CHECK(files_in(run.folder / "segments").size() == 2);
}

TEST_CASE("segments: a damaged one is an error that names it, never wrong values") {
  KilledRun run;
  good(good(RunWriter::resume(run.folder, small_spec())).finish("{}"));
  const auto path = run.folder / "segments/000001.h5";
  const auto bytes = bytes_of(path);
  write_bytes(path, bytes.substr(0, bytes.size() / 2));
  auto reader = good(RunReader::open(run.folder));
  const auto read = reader.read(GridId(0), 0, {0, 1}, {0, 10});
  REQUIRE(!read);
  CHECK(read.error()[0].message.find("000001.h5") != std::string::npos);
}

TEST_CASE(
    "run folder: after kill -9 at any moment everything journalled is readable, and the run can go on") {
  // The writer tells by shared memory how far its journal came; it is killed when that passes a random
  // second.
  auto* told = static_cast<std::atomic<int64_t>*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(told != MAP_FAILED);
  std::mt19937_64 random(11);
  for (int round = 0; round < 12; ++round) {
    Scratch scratch;
    const int64_t kill_at = 1 + static_cast<int64_t>(random() % 400);
    *told = 0;
    const pid_t child = in_child([&] {
      auto options = small_options();
      options.queued_cycles = 2;
      if (round % 2) options.sync_every = nanoseconds(-1);
      auto writer = RunWriter::create(scratch / "run", small_spec(200), options);
      if (!writer) return 1;
      for (int64_t second = 1;; ++second) {
        put_cycle(*writer, second, 1);
        writer->end_cycle(Time{seconds(second).ns});
        *told = writer->journalled().ns / seconds(1).ns;
      }
    });
    while (*told < kill_at && waitpid(child, nullptr, WNOHANG) == 0) sched_yield();
    kill(child, SIGKILL);
    CHECK(WIFSIGNALED(status_of(child)));
    const int64_t journalled = *told;
    int64_t readable = 0;
    {
      auto run = good(RunReader::open(scratch / "run"));
      readable = run.end().boundary.ns / seconds(1).ns;
      CHECK(readable >= journalled);
      CHECK(holds_all_up_to(run, readable));
    }
    auto writer = good(RunWriter::resume(scratch / "run", small_spec(200)));
    run_seconds(writer, readable, readable + 70);
    good(writer.finish("{}"));
    auto run = good(RunReader::open(scratch / "run"));
    CHECK(holds_all_up_to(run, readable + 70));
  }
  munmap(told, 4096);
}

TEST_CASE(
    "run folder: where a file may not grow, the writer says so and everything journalled stays readable") {
  Scratch scratch;
  const pid_t child = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200'000, 200'000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 90;
    return fill_disk(scratch / "run", "file too large");
  });
  CHECK(WEXITSTATUS(status_of(child)) == 0);
}

TEST_CASE("run folder: on a full disk the writer says so and everything journalled stays readable") {
  Scratch scratch;
  fs::create_directories(scratch / "disk");
  const int64_t megabytes = GENERATE(1, 2, 3);
  constexpr int kNotAllowed = 99;
  const pid_t child = in_child([&] {
    const auto size = "size=" + std::to_string(megabytes) + "m";
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return kNotAllowed;
    if (mount("none", (scratch / "disk").c_str(), "tmpfs", 0, size.c_str()) != 0) return kNotAllowed;
    return fill_disk(scratch / "disk/run", "no space left");
  });
  const int outcome = WEXITSTATUS(status_of(child));
  if (outcome == kNotAllowed)
    WARN("a small disk can be mounted by root only");
  else
    CHECK(outcome == 0);
}

TEST_CASE("run folder: a disk that is full from the beginning leaves nothing half-written") {
  Scratch scratch;
  const pid_t child = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 90;
    const auto refused = RunWriter::create(scratch / "run", small_spec(300));
    if (refused || refused.error()[0].message.find("file too large") == std::string::npos) return 1;
    return fs::is_empty(scratch.path()) ? 0 : 2;
  });
  CHECK(WEXITSTATUS(status_of(child)) == 0);
}

TEST_CASE("run folder: who goes on with one that is being written is refused, until its writer has ended") {
  Scratch scratch;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = in_child([&] {
    auto writer = RunWriter::create(scratch / "run", small_spec(), small_options());
    if (!writer) return 1;
    run_seconds(*writer, 0, 100);
    if (!writer->await_journalled(Time{seconds(100).ns}) || write(ready[1], "x", 1) != 1) return 1;
    for (;;) pause();
  });
  char begun = 0;
  REQUIRE(read(ready[0], &begun, 1) == 1);
  const auto refused = RunWriter::resume(scratch / "run", small_spec());
  REQUIRE(!refused);
  CHECK(refused.error()[0].message.find("is being written by process " + std::to_string(child)) !=
        std::string::npos);
  CHECK(!refused.error()[0].hint.empty());
  kill(child, SIGKILL);
  CHECK(WIFSIGNALED(status_of(child)));
  CHECK(fs::exists(scratch / "run/lock"));
  {
    auto writer = good(RunWriter::resume(scratch / "run", small_spec()));
    const auto again = RunWriter::resume(scratch / "run", small_spec());
    REQUIRE(!again);
    CHECK(again.error()[0].message.find("is being written by this process") != std::string::npos);
    run_seconds(writer, 100, 150);
    good(writer.finish("{}"));
    CHECK(!fs::exists(scratch / "run/lock"));
  }
  auto run = good(RunReader::open(scratch / "run"));
  CHECK(run.damage().empty());
  CHECK(holds_all_up_to(run, 150));
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("run folder: of those that begin one folder together one gets it, and the others leave it alone") {
  Scratch scratch;
  constexpr int kWriters = 6;
  int start[2];
  REQUIRE(pipe(start) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kWriters; ++i)
    children.push_back(in_child([&] {
      close(start[1]);
      char gone = 0;
      if (read(start[0], &gone, 1) != 0) return 3;  // the other end is closed for all of them at once
      auto writer = RunWriter::create(scratch / "run", small_spec(), small_options());
      if (!writer) return writer.error()[0].message.find("it exists") != std::string::npos ? 1 : 3;
      run_seconds(*writer, 0, 100);
      return writer->finish("{}") ? 0 : 3;
    }));
  close(start[0]);
  close(start[1]);
  int won = 0, refused = 0;
  for (const pid_t child : children) {
    const int outcome = WEXITSTATUS(status_of(child));
    won += outcome == 0;
    refused += outcome == 1;
  }
  CHECK(won == 1);
  CHECK(refused == kWriters - 1);
  auto run = good(RunReader::open(scratch / "run"));
  CHECK(holds_all_up_to(run, 100));
  CHECK(std::distance(fs::directory_iterator(scratch.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("run folder: an old segment that cannot be read outlives retention, and the run goes on") {
  Scratch scratch;
  auto options = small_options();
  options.keep_time = seconds(100);
  auto writer = good(RunWriter::create(scratch / "run", small_spec(), options));
  run_seconds(writer, 0, 130);
  good(writer.await_durable(Time{seconds(130).ns}));
  const auto segment = segment_path(scratch / "run", 1);
  REQUIRE(fs::exists(segment));
  fs::resize_file(segment, 1000);
  run_seconds(writer, 130, 400);
  good(writer.finish("{}"));
  CHECK(fs::file_size(segment) == 1000);
  CHECK(!RunReader::open(scratch / "run")->read_log(LogId(0), 0));
}
