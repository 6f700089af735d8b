#include "tests/twin/allocations.h"
#include "tests/twin/warm_support.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <thread>

#include "twin/warm/export.h"
#include "twin/warm/journal.h"
#include "twin/warm/manifest.h"
#include "twin/warm/segment_writer.h"

using namespace looptwin;
using namespace looptwin::twin;
using namespace looptwin::twin::warm_test;

TEST_CASE("run folder: what was put is what is read, from segments and from the journal alike") {
  Scratch scratch;
  auto writer = good(RunWriter::create(scratch / "run", small_spec(), small_options()));
  run_seconds(writer, 0, 150);
  good(writer.await_durable(Time{seconds(150).ns}));
  CHECK(writer.durable() == Time{seconds(150).ns});
  {
    auto running = good(RunReader::open(scratch / "run"));
    CHECK(running.end() == Position{150, Time{seconds(150).ns}});
    CHECK(running.damage().empty());
    CHECK(running.status().find("running") != std::string::npos);
    CHECK(holds_all_up_to(running, 150));
  }
  run_seconds(writer, 150, 200);
  good(writer.finish(R"({"state": "reached_end"})", "feed"));
  auto finished = good(RunReader::open(scratch / "run"));
  CHECK(finished.end() == Position{200, Time{seconds(200).ns}});
  CHECK(finished.status() == R"({"state":"reached_end"})");
  CHECK(finished.fingerprint() == "feed");
  CHECK(holds_all_up_to(finished, 200));
  CHECK(finished.spec() == small_spec());
  CHECK(files_in(scratch / "run/journal").empty());
  CHECK(files_in(scratch / "run/segments").size() == 4);
}

TEST_CASE("run folder: every type of a log's column comes back as it went in, text with any letters") {
  Scratch scratch;
  auto writer = good(RunWriter::create(scratch / "run", small_spec(), small_options()));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  writer.lane(0).append(LogId(0), {kNever, "", INT32_MIN, nan, uint8_t(255), INT64_MIN});
  writer.lane(0).append(LogId(0),
                        {Time{-1}, "Überlast, \"Straße\" 7 €", INT32_MAX, -0.0, uint8_t(0), INT64_MAX});
  writer.end_cycle(Time{1});
  SECTION("from the journal") {}
  SECTION("from a segment") { good(writer.finish("{}")); }
  if (!writer.failed()) {
    auto ended = std::move(writer);
  }
  auto run = good(RunReader::open(scratch / "run"));
  CHECK(std::get<std::vector<int64_t>>(good(run.read_log(LogId(0), 0))) ==
        std::vector<int64_t>{kNever.ns, -1});
  const auto texts = std::get<Texts>(good(run.read_log(LogId(0), 1)));
  REQUIRE(texts.size() == 2);
  CHECK(texts[0].empty());
  CHECK(texts[1] == "Überlast, \"Straße\" 7 €");
  CHECK(std::get<std::vector<int32_t>>(good(run.read_log(LogId(0), 2))) ==
        std::vector<int32_t>{INT32_MIN, INT32_MAX});
  const auto values = std::get<std::vector<double>>(good(run.read_log(LogId(0), 3)));
  CHECK(std::isnan(values[0]));
  CHECK(std::signbit(values[1]));
  CHECK(std::get<std::vector<uint8_t>>(good(run.read_log(LogId(0), 4))) == std::vector<uint8_t>{255, 0});
  CHECK(std::get<std::vector<int64_t>>(good(run.read_log(LogId(0), 5))) ==
        std::vector<int64_t>{INT64_MIN, INT64_MAX});
}

TEST_CASE(
    "run folder: a fill never overwrites a sample, and the later of two samples counts, across segments "
    "too") {
  Scratch scratch;
  auto spec = small_spec();
  auto writer = good(RunWriter::create(scratch / "run", spec, small_options()));
  const int16_t fill = INT16_MIN;
  const int16_t first[] = {100, 200, fill}, second[] = {fill, 201, fill}, third[] = {fill, fill, 302};
  writer.lane(0).put(GridId(0), 5, 0, {Cells(first), {}, {}, {}});
  writer.lane(0).put(GridId(0), 5, 0, {Cells(second), {}, {}, {}});
  writer.end_cycle(Time{seconds(60).ns});  // seals
  writer.lane(0).put(GridId(0), 5, 0, {Cells(third), {}, {}, {}});
  writer.end_cycle(Time{seconds(61).ns});
  good(writer.finish("{}"));
  auto run = good(RunReader::open(scratch / "run"));
  CHECK(good(run.read(GridId(0), 0, {0, 3}, {5, 6})) == std::vector<double>{10.0, 20.1, 30.2});
}

TEST_CASE("run folder: samples far too late or too early are kept, and show where they belong") {
  Scratch scratch;
  auto writer = good(RunWriter::create(scratch / "run", small_spec(), small_options()));
  run_seconds(writer, 0, 180);
  const int16_t late[] = {321}, early[] = {123};
  writer.lane(0).put(GridId(0), 0, 0, {Cells(late), {}, {}, {}});
  writer.lane(0).put(GridId(0), 1'000'000, 2, {{}, Cells(early), {}, {}});
  SECTION("from the journal") {
    writer.end_cycle(Time{seconds(181).ns});
    good(writer.await_durable(Time{seconds(181).ns}));
  }
  SECTION("from a late table") {
    writer.end_cycle(Time{seconds(240).ns});
    good(writer.finish("{}"));
  }
  auto run = good(RunReader::open(scratch / "run"));
  CHECK(good(run.read(GridId(0), 0, {0, 1}, {0, 1})) == std::vector<double>{32.1});
  CHECK(good(run.read(GridId(0), 1, {2, 1}, {1'000'000, 1'000'001})) == std::vector<double>{1.23});
  CHECK(good(run.slots(GridId(0))).end < 30);
  const auto stray = good(run.stray(GridId(0)));
  REQUIRE(stray.size() == 1);
  CHECK(stray.slot[0] == 1'000'000);
  CHECK(stray.row[0] == 2);
}

TEST_CASE("run folder: segments are equal byte for byte, whichever thread and lane put what") {
  Scratch scratch;
  std::map<std::string, std::string> reference;
  for (const size_t lanes : {1, 2, 5}) {
    const auto folder = scratch / std::to_string(lanes);
    auto options = small_options();
    options.lanes = lanes;
    auto writer = good(RunWriter::create(folder, small_spec(40), options));
    Workers workers(static_cast<int>(lanes));
    for (int64_t second = 1; second <= 130; ++second) {
      workers.run(lanes, [&](size_t part, int) {
        auto& lane = writer.lane(part);
        for (auto row = static_cast<uint32_t>(part); row < 40; row += static_cast<uint32_t>(lanes)) {
          const int16_t power[] = {power_of(row, second)};
          lane.put(GridId(0), second / 10, row, {{}, Cells(power), {}, {}});
        }
      });
      writer.lane(0).append(LogId(0), {Time{second}, "r", 1, 1.0, uint8_t(1), second});
      writer.end_cycle(Time{seconds(second).ns});
    }
    good(writer.finish("{}"));
    const auto files = files_in(folder / "segments");
    CHECK(files.size() == 3);
    if (reference.empty()) reference = files;
    CHECK((files == reference));
  }
}

TEST_CASE("segments: two runs of a process may seal segments of one number at one time") {
  const auto spec = small_spec();
  const SegmentInfo info{1, 0, 60, Time{0}, Time{seconds(60).ns}};
  auto a = good(SegmentWriter::in_memory(spec, info));
  auto b = good(SegmentWriter::in_memory(spec, info));
  const auto image = good(a.image());
  CHECK(image.size() > 0);
  CHECK((good(b.image()) == image));
}

TEST_CASE("run folder: a steady cycle does not allocate in the thread of the cycle") {
  Scratch scratch;
  auto writer = good(RunWriter::create(scratch / "run", small_spec()));
  const int16_t power[] = {1, 2, 3};
  const uint32_t rows[] = {6, 0, 4};
  const auto cycle = [&](int64_t second) {
    writer.lane(0).put(GridId(0), second / 10, 2, {{}, Cells(power), {}, {}});
    writer.lane(0).put_rows(GridId(0), second / 10, rows, {Cells(power), {}, {}, {}});
    writer.lane(0).append(LogId(0), {Time{second}, "setback", 1, 1.0, uint8_t(1), second});
    writer.end_cycle(Time{seconds(second).ns});
  };
  for (int64_t second = 1; second <= 100; ++second) cycle(second);
  const auto before = allocations();
  for (int64_t second = 101; second <= 1000; ++second) cycle(second);
  CHECK(allocations() == before);
}

TEST_CASE("run folder: a run that goes on after a stop is equal byte for byte to one that never stopped") {
  Scratch scratch;
  {
    auto whole = good(RunWriter::create(scratch / "whole", small_spec(), small_options()));
    run_seconds(whole, 0, 250);
    good(whole.finish("{}"));
  }
  const int64_t stop = GENERATE(1, 59, 60, 61, 130, 180);
  {
    run_seconds(
        *std::make_unique<RunWriter>(good(RunWriter::create(scratch / "run", small_spec(), small_options()))),
        0, stop);
  }
  auto writer = good(RunWriter::resume(scratch / "run", small_spec()));
  CHECK(writer.position() == Position{static_cast<uint64_t>(stop), Time{seconds(stop).ns}});
  run_seconds(writer, stop, 250);
  good(writer.finish("{}"));
  CHECK((files_in(scratch / "run/segments") == files_in(scratch / "whole/segments")));
}

TEST_CASE("run folder: from a mark a run goes on as if what came after had not been") {
  Scratch scratch;
  {
    auto whole = good(RunWriter::create(scratch / "whole", small_spec(), small_options()));
    run_seconds(whole, 0, 250);
    good(whole.finish("{}"));
  }
  const int64_t mark_at = GENERATE(1, 59, 60, 90, 180);
  const bool is_finished = GENERATE(false, true);
  Position mark;
  {
    auto writer = good(RunWriter::create(scratch / "run", small_spec(), small_options()));
    run_seconds(writer, 0, mark_at);
    mark = writer.mark();
    for (int64_t second = mark_at + 1; second <= 230; ++second) {  // another future: other values
      const int16_t power[] = {2999, 2999};
      writer.lane(0).put(GridId(0), second / 10, 1, {{}, Cells(power), {}, {}});
      writer.lane(0).append(LogId(0), {Time{1}, "wrong", 1, 1.0, uint8_t(1), int64_t{1}});
      writer.end_cycle(Time{seconds(second).ns});
    }
    if (is_finished) good(writer.finish("{}"));
  }
  for (int times = 0; times < 2; ++times) {  // the same mark can be used again
    auto writer = good(RunWriter::resume(scratch / "run", small_spec(), mark));
    CHECK(writer.position() == mark);
    run_seconds(writer, mark_at, times == 0 ? 200 : 250);
    if (times == 1) good(writer.finish("{}"));
  }
  CHECK((files_in(scratch / "run/segments") == files_in(scratch / "whole/segments")));
}

TEST_CASE("run folder: a position whose journal is gone is refused, and the run stays as it was") {
  Scratch scratch;
  {
    run_seconds(
        *std::make_unique<RunWriter>(good(RunWriter::create(scratch / "run", small_spec(), small_options()))),
        0, 150);
  }
  const auto before = files_in(scratch / "run/segments");
  const auto refused = RunWriter::resume(scratch / "run", small_spec(), Position{30, Time{seconds(30).ns}});
  REQUIRE(!refused);
  CHECK(refused.error()[0].message.find("cannot go on") != std::string::npos);
  CHECK((files_in(scratch / "run/segments") == before));
  CHECK(!RunWriter::resume(scratch / "run", small_spec(), Position{150, Time{1}}));
  CHECK(!RunWriter::resume(scratch / "run", small_spec(9)));
  auto run = good(RunReader::open(scratch / "run"));
  CHECK(holds_all_up_to(run, 150));
}

TEST_CASE("run folder: retention drops the oldest cells, and no row of a log") {
  Scratch scratch;
  auto options = small_options();
  int64_t left_from = 0;
  SlotRange minutes_left;
  SECTION("by age") {
    options.keep_time = seconds(100);
    left_from = 240;
    minutes_left = {4, 6};
  }
  SECTION("by size") {
    options.keep_bytes = 1;
    left_from = 360;
  }
  auto writer = good(RunWriter::create(scratch / "run", small_spec(), options));
  run_seconds(writer, 0, 400);
  good(writer.finish("{}"));
  auto run = good(RunReader::open(scratch / "run"));
  CHECK(good(run.slots(GridId(0))).first >= left_from / 10 - 1);
  CHECK(good(run.slots(GridId(1))) == minutes_left);
  CHECK(good(run.first_log_row(LogId(0))) == 0);
  const auto ids = std::get<std::vector<int64_t>>(good(run.read_log(LogId(0), 5)));
  REQUIRE(ids.size() == 400 / 7);
  for (size_t row = 0; row < ids.size(); ++row) CHECK(ids[row] == static_cast<int64_t>(row + 1) * 7000);
  const auto rules = std::get<Texts>(good(run.read_log(LogId(0), 1)));
  CHECK(rules[0] == "rule-1");
  // Going on meets what was dropped, and leaves it as it is.
  const auto before = files_in(scratch / "run/segments");
  auto more = good(RunWriter::resume(scratch / "run", small_spec(), {}, options));
  run_seconds(more, 400, 460);
  good(more.finish("{}"));
  CHECK(files_in(scratch / "run/segments").at("000001.h5") == before.at("000001.h5"));
  auto longer = good(RunReader::open(scratch / "run"));
  CHECK(std::get<std::vector<int64_t>>(good(longer.read_log(LogId(0), 5))).size() == 460 / 7);
}

TEST_CASE("run folder: an export holds what the folder holds, late samples in their place") {
  Scratch scratch;
  {
    auto writer = good(RunWriter::create(scratch / "run", small_spec(50), small_options()));
    run_seconds(writer, 0, 180);
    const int16_t late[] = {321}, early[] = {123};
    writer.lane(0).put(GridId(0), 0, 0, {Cells(late), {}, {}, {}});
    writer.lane(0).put(GridId(0), 1'000'000, 2, {{}, Cells(early), {}, {}});
    writer.end_cycle(Time{seconds(230).ns});
  }
  auto run = good(RunReader::open(scratch / "run"));
  good(export_single_file(run, scratch / "out.h5"));
  CHECK(!export_single_file(run, scratch / "out.h5"));
  // An export has the layout of a segment: as the only segment of a folder it reads as the run.
  fs::create_directories(scratch / "copy/segments");
  fs::create_directories(scratch / "copy/journal");
  fs::copy(scratch / "run/tables", scratch / "copy/tables");
  fs::copy(scratch / "run/manifest.json", scratch / "copy/manifest.json");
  fs::copy(scratch / "out.h5", scratch / "copy/segments/000001.h5");
  auto copy = good(RunReader::open(scratch / "copy"));
  CHECK(copy.end() == run.end());
  for (size_t g = 0; g < run.spec().grids.size(); ++g) {
    const auto slots = good(run.slots(GridId(g)));
    CHECK(good(copy.slots(GridId(g))) == slots);
    CHECK(good(copy.stray(GridId(g))).slot == good(run.stray(GridId(g))).slot);
    for (size_t v = 0; v < run.spec().grids[g].variables.size(); ++v) {
      std::vector<std::byte> a(50 * static_cast<size_t>(slots.size()) * 8), b(a.size());
      good(run.read_raw(GridId(g), v, {0, 50}, slots, a.data()));
      good(copy.read_raw(GridId(g), v, {0, 50}, slots, b.data()));
      CHECK((a == b));
    }
  }
  for (size_t c = 0; c < 6; ++c) {
    auto a = good(run.read_log(LogId(0), c)), b = good(copy.read_log(LogId(0), c));
    CHECK(rows_of(a) == 180 / 7);
    if (auto* texts = std::get_if<Texts>(&a)) CHECK(texts->characters == std::get<Texts>(b).characters);
    if (auto* numbers = std::get_if<std::vector<int64_t>>(&a))
      CHECK(*numbers == std::get<std::vector<int64_t>>(b));
    if (auto* reals = std::get_if<std::vector<double>>(&a)) CHECK(*reals == std::get<std::vector<double>>(b));
  }
}

TEST_CASE(
    "run folder: a folder in use and a spec with faults are refused, with all faults and nothing left "
    "behind") {
  Scratch scratch;
  fs::create_directories(scratch / "used/something");
  const auto used = RunWriter::create(scratch / "used", small_spec());
  REQUIRE(!used);
  CHECK(used.error()[0].message.find("it exists and is not empty") != std::string::npos);
  CHECK(!used.error()[0].hint.empty());
  auto spec = small_spec();
  spec.grids[0].variables[1].name = "temperature";
  spec.grids[1].table = "hause";
  spec.grids[0].phase[2] = seconds(10).ns;
  spec.logs[0].name = "home/raw";
  const auto bad = RunWriter::create(scratch / "bad", spec);
  REQUIRE(!bad);
  CHECK(bad.error().size() == 4);
  CHECK(!fs::exists(scratch / "bad"));
  auto wide = small_spec();
  wide.grids[0].variables.resize(1);
  while (wide.grids[0].variables.size() < 64) {
    wide.grids[0].variables.push_back(wide.grids[0].variables[0]);
    wide.grids[0].variables.back().name = "v" + std::to_string(wide.grids[0].variables.size());
  }
  CHECK(RunWriter::create(scratch / "wide/", wide));
  wide.grids[0].variables.push_back(wide.grids[0].variables[0]);
  wide.grids[0].variables.back().name = "one_too_many";
  const auto refused = RunWriter::create(scratch / "wider", wide);
  REQUIRE(!refused);
  CHECK(refused.error()[0].message.find("has 65 variables") != std::string::npos);
  CHECK(!RunReader::open(scratch / "used"));
  CHECK(!RunWriter::create("/proc/no/run", small_spec()));
}

TEST_CASE(
    "run folder: an empty folder may be given, and the longest segment that fits the memory is chosen") {
  Scratch scratch;
  fs::create_directories(scratch / "run");
  RunOptions options;
  good(good(RunWriter::create(scratch / "run", small_spec(), options)).finish("{}"));
  CHECK(good(read_manifest(scratch / "run")).plan.length == days(1));
  options.memory = 2 * Block::cell_bytes(small_spec(), {hours(3), options.late_within});
  good(good(RunWriter::create(scratch / "less", small_spec(), options)).finish("{}"));
  CHECK(good(read_manifest(scratch / "less")).plan.length == hours(3));
  auto empty = good(RunReader::open(scratch / "less"));
  CHECK(empty.end().sequence == 0);
  CHECK(good(empty.slots(GridId(0))).empty());
}

TEST_CASE(
    "variables: the smallest storage that fits range and resolution, offset by whole units where it must") {
  CHECK(variable_for("t", "degC", -40, 60, 10).storage == Storage::i16);
  CHECK(variable_for("p", "kW", 0, 30, 100).offset == 0);
  const auto shifted = variable_for("p", "hPa", 900, 1100, 200);  // 220 000 steps from 0, but 40 000 wide
  CHECK(shifted.storage == Storage::i16);
  CHECK(shifted.offset == 1000);
  CHECK(variable_for("p", "Pa", 0, 1e6, 10).storage == Storage::i32);
  CHECK(variable_for("x", "1", 0, 1, 0).storage == Storage::f64);
  CHECK(variable_for("x", "1", 0, 1e12, 1).storage == Storage::f64);
}

TEST_CASE(
    "variables: values go to the nearest step, ties to even, out of range to the limit, unknown to the "
    "fill") {
  const auto v = variable_for("t", "degC", -40, 60, 10);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> values{20.04, 20.06, 0.25, 1e9, -1e9, nan};
  std::vector<int16_t> raw(values.size());
  encode_cells(v, values, reinterpret_cast<std::byte*>(raw.data()));
  CHECK(raw == std::vector<int16_t>{200, 201, 2, 32767, -32767, INT16_MIN});
  std::vector<double> back(values.size());
  decode_cells(v, reinterpret_cast<const std::byte*>(raw.data()), back);
  CHECK(back[1] == 20.1);
  CHECK(std::isnan(back[5]));
}

TEST_CASE("run folder: h5py, xarray and netCDF4 read segments and exports as they are") {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import h5py, xarray, netCDF4' 2>/dev/null").c_str()) != 0) {
    WARN("Python's h5py, xarray or netCDF4 is not installed");
    return;
  }
  Scratch scratch;
  {
    auto writer = good(RunWriter::create(scratch / "run", small_spec(), small_options()));
    run_seconds(writer, 0, 200);
    const int16_t late[] = {321};
    writer.lane(0).put(GridId(0), 0, 0, {Cells(late), {}, {}, {}});
    writer.end_cycle(Time{seconds(201).ns});
    good(writer.finish(R"({"state": "reached_end"})"));
  }
  auto run = good(RunReader::open(scratch / "run"));
  good(export_single_file(run, scratch / "out.h5"));
  const auto folder = (scratch / "").string();
  CHECK(std::system((python + " " LT_SOURCE_DIR "/tests/twin/warm_read.py h5py " + folder).c_str()) == 0);
  CHECK(std::system((python + " " LT_SOURCE_DIR "/tests/twin/warm_read.py xarray " + folder).c_str()) == 0);
  CHECK(std::system((python + " " LT_SOURCE_DIR "/tests/twin/warm_read.py netcdf " + folder).c_str()) == 0);
}

namespace {

/// As xxd -g 1 prints them.
std::vector<std::string> hex_lines(const std::string& bytes) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < bytes.size(); at += 16) {
    char text[80];
    int n = std::snprintf(text, sizeof text, "%08zx:", at);
    for (size_t i = at; i < std::min(at + 16, bytes.size()); ++i) {
      n += std::snprintf(text + n, sizeof text - static_cast<size_t>(n), " %02x",
                         static_cast<unsigned char>(bytes[i]));
    }
    lines.emplace_back(text);
  }
  return lines;
}

}  // namespace

TEST_CASE("journal: the worked example in docs/formats/run.md is what is written") {
  Scratch scratch;
  RunSpec spec;
  spec.scenario = "example";
  spec.program = "looptwin 0.1.0";
  spec.start = UnixTime{1563174000'000000000};
  spec.cycle = seconds(1);
  spec.tables = {{"home", {"home-1", "home-2", "home-3"}}};
  spec.grids = {{"home/raw", "home", seconds(10), {}, {variable_for("temperature", "degC", -40, 60, 10)}}};
  spec.logs = {{"decisions", {{"time", ColumnType::time}, {"rule", ColumnType::text}}}};
  {
    auto writer = good(RunWriter::create(scratch / "run", spec));
    const int16_t two[] = {215, 220}, one[] = {198};
    const uint32_t third[] = {2};
    writer.lane(0).put(GridId(0), 0, 0, {Cells(two)});
    writer.end_cycle(Time{seconds(1).ns});
    writer.lane(0).put_rows(GridId(0), 0, third, {Cells(one)});
    writer.lane(0).append(LogId(0), {Time{seconds(2).ns}, "setback"});
    writer.end_cycle(Time{seconds(2).ns});
  }
  const auto lines = hex_lines(bytes_of(journal_path(scratch / "run", 1)));
  const auto page = bytes_of(LT_SOURCE_DIR "/docs/formats/run.md");
  std::string missing;
  for (const auto& line : lines) {
    if (page.find(line + "\n") == std::string::npos && page.find(line + "  ") == std::string::npos)
      missing += line + "\n";
  }
  INFO(missing);
  CHECK(missing.empty());
}
