#include "testbed/snapshots.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "base/hash.h"
#include "base/json_tree.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/recorder.h"
#include "testbed/scenario.h"
#include "testbed/sequence/sequence_request.h"
#include "twin/input_log/recording_transport.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;
static_assert(std::endian::native == std::endian::little, "snapshots are little-endian");

constexpr uint64_t kMagic = 0x3230544154534C54;  // "TLSTAT02" as bytes
constexpr const char* kEnding = ".state";

struct Header {
  uint64_t magic = kMagic;
  uint64_t checksum = 0;  ///< XXH3 of all that follows
  uint64_t scenario = 0;
  uint64_t sequence = 0;
  int64_t boundary = 0;
  int64_t recorded = 0;
  uint64_t feeds = 0, boundaries = 0, world = 0, loop = 0;
};
static_assert(sizeof(Header) == 80);

std::span<const std::byte> bytes_of(const auto& values) { return std::as_bytes(std::span(values)); }

std::vector<std::byte> joined(const Header& header, const Snapshot& s) {
  std::vector<std::byte> out;
  out.reserve(sizeof header + (s.recorder.feeds.size() + s.recorder.boundaries.size()) * 8 + s.world.size() +
              s.loop.size());
  const auto add = [&](std::span<const std::byte> part) { out.insert(out.end(), part.begin(), part.end()); };
  add(std::as_bytes(std::span(&header, 1)));
  add(bytes_of(s.recorder.feeds));
  add(bytes_of(s.recorder.boundaries));
  add(s.world);
  add(s.loop);
  return out;
}

constexpr size_t kChecked = 2 * sizeof(uint64_t);  ///< bytes before what the checksum is of

}  // namespace

Result<void> write_snapshot(const fs::path& path, const Snapshot& s) {
  Header header{.scenario = s.scenario,
                .sequence = s.recorder.position.sequence,
                .boundary = s.boundary.ns,
                .recorded = s.recorder.position.boundary.ns,
                .feeds = s.recorder.feeds.size(),
                .boundaries = s.recorder.boundaries.size(),
                .world = s.world.size(),
                .loop = s.loop.size()};
  auto bytes = joined(header, s);
  header.checksum = hash64(std::span<const std::byte>(bytes).subspan(kChecked));
  std::memcpy(bytes.data(), &header, sizeof header);
  return twin::write_whole_file(path, std::span<const std::byte>(bytes));
}

Result<Snapshot> read_snapshot(const fs::path& path) {
  auto text = twin::read_whole_file(path);
  if (!text) return tl::make_unexpected(std::move(text.error()));
  const auto bytes = std::as_bytes(std::span(*text));
  const auto refused = [&](const char* why) {
    return failure(fmt::format("cannot use {}: {}", path.string(), why), "run the scenario anew");
  };
  Header h;
  if (bytes.size() < sizeof h) return refused("it is torn");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.magic != kMagic) return refused("it is no snapshot of this version");
  if (h.checksum != hash64(bytes.subspan(kChecked))) return refused("its checksum is wrong");
  Snapshot s{.boundary = {h.boundary}, .scenario = h.scenario, .recorder = {}, .world = {}, .loop = {}};
  s.recorder.position = {h.sequence, Time{h.recorded}};
  auto rest = bytes.subspan(sizeof h);
  const auto take = [&](auto& values, uint64_t count) {
    values.resize(count);
    std::copy_n(rest.begin(), count * 8, std::as_writable_bytes(std::span(values)).begin());
    rest = rest.subspan(count * 8);
  };
  take(s.recorder.feeds, h.feeds);
  take(s.recorder.boundaries, h.boundaries);
  s.world.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(h.world));
  s.loop.assign(rest.begin() + static_cast<std::ptrdiff_t>(h.world), rest.end());
  return s;
}

namespace {

/// The texts of a file, or of all files of a folder in the order of their names.
std::string texts_of(const fs::path& path) {
  std::error_code ignored;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path, ignored))
    if (entry.is_regular_file(ignored)) files.push_back(entry.path());
  if (files.empty()) files.push_back(path);
  std::sort(files.begin(), files.end());
  std::string all;
  for (const auto& file : files) all += twin::read_whole_file(file).value_or(std::string()) + '\0';
  return all;
}

}  // namespace

uint64_t hash_of(const Scenario& scenario, const std::vector<Setting>& settings) {
  std::string all;
  for (const auto& source : scenario.sources) all += source->text + '\0';
  for (const auto& setting : settings) all += setting.path + '=' + setting.value + '\0';
  for (const auto& feed : scenario.feeds)
    if (feed.inbound && !feed.file.empty()) all += texts_of(scenario.folder / feed.file);
  for (const auto& plant : scenario.plants)
    for (const auto& file : plant.files) all += texts_of(scenario.folder / file);
  for (const auto& run : scenario.history_from)
    all +=
        twin::read_whole_file(scenario.folder / run.folder / "manifest.json").value_or(std::string()) + '\0';
  return hash64(all);
}

std::string hashed(const fs::path& file, const Scenario& scenario) {
  auto others = scenario.registries;
  for (const auto& run : scenario.history_from) others.push_back(run.folder);
  if (others.empty()) return file.string();
  return fmt::format("{}, or {} that it refers to,", file.string(), fmt::join(others, " or "));
}

struct Snapshots::Temporary {
  fs::path folder;
  ~Temporary() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

Snapshots::Snapshots(Assembly& assembly, fs::path folder, uint64_t scenario)
    : assembly_(&assembly), folder_(std::move(folder)), scenario_(scenario) {}
Snapshots::Snapshots(Snapshots&&) noexcept = default;
Snapshots::~Snapshots() = default;

Result<Snapshots> Snapshots::open(Assembly& assembly, const std::optional<fs::path>& run, uint64_t scenario) {
  std::error_code error;
  if (run) {
    fs::create_directories(*run / "snapshots", error);
    if (error) return twin::disk_failure("make", *run / "snapshots", error.value());
    Snapshots snapshots(assembly, *run / "snapshots", scenario);
    snapshots.remove_older();  // a kill may have come between a newer one and the end of an older
    return snapshots;
  }
  auto name = (fs::temp_directory_path() / "looptwin.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return twin::disk_failure("make", name, errno);
  Snapshots snapshots(assembly, name, scenario);
  snapshots.temporary_ = std::make_unique<Temporary>();
  snapshots.temporary_->folder = name;
  return snapshots;
}

Result<void> Snapshots::take() {
  Snapshot s{
      .boundary = assembly_->loop().now(), .scenario = scenario_, .recorder = {}, .world = {}, .loop = {}};
  // The records up to this boundary are on the disk before the state that needs them.
  Recorder* recorder = assembly_->recorder();
  if (auto* log = assembly_->input_log())
    if (auto synced = log->sync(); !synced) return synced;
  if (recorder != nullptr) {
    auto settled = recorder->settle();
    if (!settled) return tl::make_unexpected(std::move(settled.error()));
    s.recorder = std::move(*settled);
  }
  ArchiveWriter world, loop;
  assembly_->save_world(world);
  assembly_->save_loop(loop);
  s.world = world.take();
  s.loop = loop.take();
  const auto path = folder_ / fmt::format("{:020}{}", s.boundary.ns, kEnding);
  if (path == last_) return {};
  if (auto written = write_snapshot(path, s); !written) return written;
  // Only now may what the snapshot before needs be dropped.
  if (recorder != nullptr) recorder->mark();
  remove_older();
  last_ = path;
  return {};
}

/// What is no snapshot, and the oldest snapshots.
void Snapshots::remove_older() const {
  std::error_code error;
  std::vector<fs::path> snapshots, gone;
  for (const auto& entry : fs::directory_iterator(folder_, error))
    (entry.path().extension() == kEnding ? snapshots : gone).push_back(entry.path());
  std::sort(snapshots.begin(), snapshots.end());
  const size_t keep = std::min<size_t>(assembly_->scenario().keep_snapshots, snapshots.size());
  gone.insert(gone.end(), snapshots.begin(), snapshots.end() - static_cast<std::ptrdiff_t>(keep));
  for (const auto& path : gone) fs::remove(path, error);
}

Result<void> Snapshots::restore_loop() {
  auto snapshot = read_snapshot(last_);
  if (!snapshot) return tl::make_unexpected(std::move(snapshot.error()));
  ArchiveReader reader(snapshot->loop);
  assembly_->restore_loop(reader);
  if (!reader.ok()) return failure(fmt::format("cannot use {}: {}", last_.string(), reader.error()));
  return {};
}

Result<void> write_resumable(const fs::path& run, const Resumable& resumable) {
  OrderedJson json = {{"format", "looptwin resume"},
                      {"version", 1},
                      {"scenario", fs::absolute(resumable.scenario).lexically_normal().string()},
                      {"settings", Json::array()},
                      {"hash", fmt::format("{:016x}", resumable.hash)}};
  for (const auto& s : resumable.settings) json["settings"].push_back({s.path, s.value});
  if (resumable.begins > kStart) json["begins_ns"] = resumable.begins.ns;
  if (!resumable.kept.empty()) json["kept"] = resumable.kept;
  if (resumable.rig) json["rig"] = true;
  return twin::write_whole_file(run / "resume.json", dump_json(json, 1) + "\n");
}

Result<Resumable> read_resumable(const fs::path& run) {
  const auto path = run / "resume.json";
  const auto text = twin::read_whole_file(path);
  const auto json = load_json<Json>(text.value_or(""));
  const auto is_text = [](const auto& j, const char* key) { return j.contains(key) && j[key].is_string(); };
  std::error_code ignored;
  if (!json.is_object() || !is_text(json, "scenario") || !is_text(json, "hash") || !json.contains("settings"))
    return failure(fmt::format("cannot resume {}: it has no {} that says which scenario it is of",
                               run.string(), path.filename().string()),
                   fs::exists(run / "manifest.json", ignored)
                       ? "if the run was killed as it began, nothing of it is lost: run the scenario anew"
                       : "a folder that looptwin run has written");
  Resumable resumable{json["scenario"].get<std::string>(), {}, 0, {}, {}};
  if (json.contains("begins_ns") && json["begins_ns"].is_number_integer())
    resumable.begins = {json["begins_ns"].get<int64_t>()};
  resumable.rig = json.contains("rig");
  if (is_text(json, "kept")) resumable.kept = json["kept"].get<std::string>();
  resumable.hash = std::strtoull(json["hash"].get_ref<const std::string&>().c_str(), nullptr, 16);
  for (const auto& setting : json["settings"])
    if (setting.is_array() && setting.size() == 2 && setting[0].is_string() && setting[1].is_string())
      resumable.settings.push_back({setting[0], setting[1]});
  return resumable;
}

Result<Resumable> read_simulated(const fs::path& run) {
  auto resumable = read_resumable(run);
  std::error_code ignored;
  if (resumable && fs::exists(run / kSequenceFile, ignored))
    return failure(fmt::format("{} has carried out a sequence of test steps: the scenario alone would not "
                               "do what that has done",
                               run.string()),
                   "looptwin replay runs the loop again on what it took in");
  if (!resumable || !resumable->rig) return resumable;
  return failure(
      fmt::format("{} is the run of a rig: what its devices did cannot be simulated", run.string()),
      "looptwin replay runs the loop again on what they said");
}

Result<std::optional<Snapshot>> newest_snapshot(const fs::path& run) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "snapshots", error))
    if (entry.path().extension() == kEnding) paths.push_back(entry.path());
  if (paths.empty()) return std::optional<Snapshot>();
  auto snapshot = read_snapshot(*std::max_element(paths.begin(), paths.end()));
  if (!snapshot) return tl::make_unexpected(std::move(snapshot.error()));
  return std::optional(std::move(*snapshot));
}

}  // namespace looptwin::testbed
