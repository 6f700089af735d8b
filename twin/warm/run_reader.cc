#include "twin/warm/run_reader.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/check.h"
#include "twin/warm/folder_lock.h"
#include "twin/warm/journal.h"
#include "twin/warm/segment_reader.h"

namespace looptwin::twin {
namespace {

constexpr size_t kMostOpenFiles = 64;
/// How often a journal that is being written is read anew, for a moment at which it is whole.
constexpr int kMostTries = 20;

}  // namespace

struct RunReader::State {
  fs::path folder;
  Manifest manifest;
  std::vector<SegmentReader> segments;  // oldest first
  uint64_t last_sealed = 0;
  std::deque<Block> blocks;  // one a journal that is not sealed, oldest first
  std::vector<uint64_t> log_rows_before_blocks;
  Position end;
  std::vector<std::string> damage;
  size_t open_files = 0;
  StopAsked stop;
  std::vector<std::byte> scratch;

  State(fs::path f, Manifest m, StopAsked asked)
      : folder(std::move(f)), manifest(std::move(m)), stop(std::move(asked)) {}

  /// Segments first, then the journals after them. A segment may be sealed in between: what its journal told
  /// before it was dropped is then in the segment, so begin anew. So does who finds damage that is another
  /// one each time: a record was half written, or one journal read before its end was there and the next
  /// after it.
  Result<void> load() {
    std::vector<std::string> found_before;
    for (int tries = 0;;) {
      segments.clear();
      blocks.clear();
      damage.clear();
      if (auto found = load_segments(); !found) {
        if (!segments.empty() && segments.back().is_gone()) continue;
        return found;
      }
      if (auto replayed = load_journals(); !replayed) return replayed;
      const auto again = numbers_in(folder / "segments", ".h5");
      if (!again) return tl::unexpected(again.error());
      if ((again->empty() ? 0 : again->back()) != last_sealed) continue;
      if (damage.empty() || damage == found_before) return {};
      found_before = std::exchange(damage, {});
      if (++tries == kMostTries) return {};
    }
  }

  Result<void> load_segments() {
    const auto numbers = numbers_in(folder / "segments", ".h5");
    if (!numbers) return tl::unexpected(numbers.error());
    for (const uint64_t number : *numbers) segments.emplace_back(manifest.spec, segment_path(folder, number));
    last_sealed = numbers->empty() ? 0 : numbers->back();
    end = {};
    if (segments.empty()) return {};
    const auto info = segments.back().info();
    if (!info) return tl::unexpected(info.error());
    end = {info->end_sequence, info->to};
    return {};
  }

  Result<void> load_journals() {
    for (uint64_t number = last_sealed + 1; damage.empty(); ++number) {
      const auto path = journal_path(folder, number);
      if (!fs::exists(path) || is_begun_only(number)) return {};
      auto journal = JournalReader::open(path);
      if (!journal && !fs::exists(path)) return {};  // sealed just now
      if (!journal) return tl::unexpected(journal.error());
      replay(*journal, number);
      if (wants_stop(stop)) return stopped_early();
      if (is_on_its_way(*journal, number)) return {};
      if (!journal->damage().empty()) damage.push_back(journal->damage());
    }
    return {};
  }

  /// The end of the newest journal, which its writer is about to write.
  bool is_on_its_way(const JournalReader& journal, uint64_t number) const {
    return journal.is_torn() && !fs::exists(journal_path(folder, number + 1)) && FolderLock::is_held(folder);
  }

  /// The newest journal, of which not even the first record is there.
  bool is_begun_only(uint64_t number) const {
    std::error_code error;
    return fs::file_size(journal_path(folder, number), error) == 0 && !error &&
           !fs::exists(journal_path(folder, number + 1));
  }

  void replay(JournalReader& journal, uint64_t number) {
    const auto& start = journal.start();
    if (!journal.damage().empty()) return;
    if (start.number != number || start.sequence != end.sequence ||
        start.layout != layout_hash(manifest.spec)) {
      return journal.reject_last("it does not follow what is sealed");
    }
    if (blocks.empty()) log_rows_before_blocks = start.log_rows;
    auto& block = blocks.emplace_back(manifest.spec, manifest.plan);
    block.open(start.from);
    JournalRecord record;
    while (!wants_stop(stop) && journal.next(record)) {
      if (record.kind != RecordKind::cycle || record.sequence != end.sequence ||
          !block.apply(record.payload)) {
        return journal.reject_last("a record makes no sense");
      }
      end = {record.sequence + 1, record.boundary};
    }
  }

  /// Runs work(segment), which returns a Result<void>, on all from the oldest on. Those that retention has
  /// removed since the folder was opened are as if they had been gone then.
  template <typename Work>
  Result<void> each_segment(Work&& work) {
    for (auto segment = segments.begin(); segment != segments.end();) {
      if (wants_stop(stop)) return stopped_early();
      if (Result<void> done = with_segment(*segment, work); done) {
        ++segment;
      } else if (segment->is_gone()) {
        segment = segments.erase(segment);
      } else {
        return done;
      }
    }
    return {};
  }

  /// Runs work(segment) with a bound on how many files stay open.
  template <typename Work>
  auto with_segment(SegmentReader& segment, Work&& work) {
    if (!segment.is_open() && open_files >= kMostOpenFiles) {
      for (auto& other : segments) other.close_file();
      open_files = 0;
    }
    const bool was_open = segment.is_open();
    auto result = work(segment);
    if (!was_open && segment.is_open()) ++open_files;
    return result;
  }

  Result<void> read_segment(SegmentReader& segment, size_t grid, size_t variable, RowRange rows,
                            SlotRange slots, std::byte* cells) {
    const auto& v = manifest.spec.grids[grid].variables[variable];
    const auto has = segment.slots(grid);
    if (!has) return tl::unexpected(has.error());
    const SlotRange part = common(*has, slots);
    if (!part.empty()) {
      const size_t size = size_of(v.storage);
      scratch.resize(rows.count * static_cast<size_t>(part.size()) * size);
      if (auto read = segment.read(grid, variable, rows, part, scratch.data()); !read) return read;
      lay_part(v, rows, part, slots, cells);
    }
    const auto late = segment.late(grid);
    if (!late) return tl::unexpected(late.error());
    lay_late(v, **late, variable, rows, slots, cells);
    return {};
  }

  void read_block(const Block& block, size_t grid, size_t variable, RowRange rows, SlotRange slots,
                  std::byte* cells) {
    const auto& v = manifest.spec.grids[grid].variables[variable];
    const SlotRange part = common(block.slots(grid), slots);
    if (!part.empty()) {
      scratch.resize(rows.count * static_cast<size_t>(part.size()) * size_of(v.storage));
      block.read(grid, variable, rows, part, scratch.data());
      lay_part(v, rows, part, slots, cells);
    }
    lay_late(v, block.late(grid), variable, rows, slots, cells);
  }

  /// Lays scratch [rows][part] over cells [rows][slots].
  void lay_part(const VariableSpec& v, RowRange rows, SlotRange part, SlotRange slots, std::byte* cells) {
    const size_t size = size_of(v.storage), width = static_cast<size_t>(part.size());
    for (size_t r = 0; r < rows.count; ++r) {
      const size_t at = r * static_cast<size_t>(slots.size()) + static_cast<size_t>(part.first - slots.first);
      lay_cells(v, scratch.data() + r * width * size, cells + at * size, width);
    }
  }
};

RunReader::RunReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunReader::RunReader(RunReader&&) noexcept = default;
RunReader& RunReader::operator=(RunReader&&) noexcept = default;
RunReader::~RunReader() = default;

Result<RunReader> RunReader::open(const fs::path& folder, StopAsked stop) {
  auto manifest = read_manifest(folder);
  if (!manifest) return tl::unexpected(manifest.error());
  auto state = std::make_unique<State>(folder, std::move(*manifest), std::move(stop));
  if (auto loaded = state->load(); !loaded) return tl::unexpected(loaded.error());
  return RunReader(std::move(state));
}

void RunReader::heed(StopAsked stop) { state_->stop = std::move(stop); }
const RunSpec& RunReader::spec() const { return state_->manifest.spec; }
const std::string& RunReader::status() const { return state_->manifest.status; }
const std::string& RunReader::fingerprint() const { return state_->manifest.fingerprint; }
Position RunReader::end() const { return state_->end; }
const std::vector<std::string>& RunReader::damage() const { return state_->damage; }

Result<SlotRange> RunReader::slots(GridId grid) {
  SlotRange all;
  const auto found = state_->each_segment([&](SegmentReader& s) -> Result<void> {
    const auto has = s.slots(grid.index());
    if (!has) return tl::unexpected(has.error());
    all = hull(all, *has);
    return {};
  });
  if (!found) return tl::unexpected(found.error());
  for (const auto& block : state_->blocks) all = hull(all, block.slots(grid.index()));
  return all;
}

Result<LateCells> RunReader::stray(GridId grid) {
  const auto within = slots(grid);
  if (!within) return tl::unexpected(within.error());
  const auto& spec = this->spec().grids[grid.index()];
  LateCells stray;
  stray.cells.resize(spec.variables.size());
  const auto add = [&](const LateCells& late) {
    for (size_t i = 0; i < late.size(); ++i) {
      if (late.slot[i] >= within->first && late.slot[i] < within->end) continue;
      stray.slot.push_back(late.slot[i]);
      stray.row.push_back(late.row[i]);
      for (size_t v = 0; v < spec.variables.size(); ++v) {
        const size_t size = size_of(spec.variables[v].storage);
        const auto* cell = &late.cells[v][i * size];
        stray.cells[v].insert(stray.cells[v].end(), cell, cell + size);
      }
    }
  };
  const auto found = state_->each_segment([&](SegmentReader& s) -> Result<void> {
    const auto late = s.late(grid.index());
    if (!late) return tl::unexpected(late.error());
    add(**late);
    return {};
  });
  if (!found) return tl::unexpected(found.error());
  for (const auto& block : state_->blocks) add(block.late(grid.index()));
  return stray;
}

Result<void> RunReader::read_raw(GridId grid, size_t variable, RowRange rows, SlotRange slots,
                                 std::byte* cells) {
  LT_CHECK(grid.index() < spec().grids.size());
  const auto& spec = this->spec().grids[grid.index()];
  LT_CHECK(variable < spec.variables.size() && uint64_t{rows.first} + rows.count <= this->spec().rows(spec),
           spec.name);
  if (slots.empty() || rows.count == 0) return {};
  fill_cells(spec.variables[variable], cells, rows.count * static_cast<size_t>(slots.size()));
  const auto read = state_->each_segment(
      [&](SegmentReader& s) { return state_->read_segment(s, grid.index(), variable, rows, slots, cells); });
  if (!read) return read;
  for (const auto& block : state_->blocks)
    state_->read_block(block, grid.index(), variable, rows, slots, cells);
  return {};
}

Result<std::vector<double>> RunReader::read(GridId grid, size_t variable, RowRange rows, SlotRange slots) {
  LT_CHECK(grid.index() < spec().grids.size() && variable < spec().grids[grid.index()].variables.size());
  const auto& v = spec().grids[grid.index()].variables[variable];
  const size_t count = slots.empty() ? 0 : rows.count * static_cast<size_t>(slots.size());
  std::vector<std::byte> raw(count * size_of(v.storage));
  if (auto done = read_raw(grid, variable, rows, slots, raw.data()); !done)
    return tl::unexpected(done.error());
  std::vector<double> values(count);
  decode_cells(v, raw.data(), values);
  return values;
}

Result<ColumnData> RunReader::read_log(LogId log, size_t column) {
  LT_CHECK(log.index() < spec().logs.size() && column < spec().logs[log.index()].columns.size());
  ColumnData all = empty_column(spec().logs[log.index()].columns[column].type);
  const auto read =
      state_->each_segment([&](SegmentReader& s) { return s.append_log(log.index(), column, all); });
  if (!read) return tl::unexpected(read.error());
  for (const auto& block : state_->blocks) append_column(all, block.log(log.index())[column]);
  return all;
}

Result<uint64_t> RunReader::first_log_row(LogId log) {
  std::optional<uint64_t> first;
  const auto read = state_->each_segment([&](SegmentReader& s) -> Result<void> {
    if (first) return {};
    const auto rows = s.log_rows(log.index());
    if (!rows) return tl::unexpected(rows.error());
    if (!rows->empty()) first = rows->first;
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  if (first) return *first;
  return state_->blocks.empty() ? 0 : state_->log_rows_before_blocks[log.index()];
}

}  // namespace looptwin::twin
