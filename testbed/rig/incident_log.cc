#include "testbed/rig/incident_log.h"

#include <fmt/format.h>

#include "base/json_tree.h"
#include "base/printable.h"

namespace looptwin::testbed {
namespace {

/// A rig that is attacked for weeks does not fill the disk: from here on only the numbers go on.
constexpr size_t kMostLines = 100'000;

}  // namespace

IncidentLog::IncidentLog(std::optional<std::filesystem::path> folder, bool quiet)
    : folder_(std::move(folder)), quiet_(quiet) {}

IncidentLog::~IncidentLog() {
  if (file_ != nullptr) std::fclose(file_);
}

void IncidentLog::take(const hil::Incident& incident) {
  auto& count = count_[incident.kind];
  if (count == 0 && !quiet_) {
    std::string line = fmt::format("{}: {}", to_string(incident.at), incident.kind);
    if (!incident.device.empty()) line += fmt::format(" {}", incident.device);
    if (!incident.detail.empty()) line += fmt::format(": {}", incident.detail);
    fmt::print(stderr, "{}\n", printable(line));
  }
  count += incident.count;
  if (!folder_ || lines_ == kMostLines) return;
  if (file_ == nullptr) file_ = std::fopen((*folder_ / "incidents.jsonl").c_str(), "ae");
  if (file_ == nullptr) return;
  ++lines_;
  OrderedJson line{{"at", static_cast<double>((incident.at - kStart).ns) / 1e9},
                   {"kind", incident.kind},
                   {"device", incident.device},
                   {"detail", incident.detail},
                   {"count", incident.count}};
  if (lines_ == kMostLines) line["detail"] = "no more lines: only the numbers go on";
  fmt::print(file_, "{}\n", dump_json(line));
  std::fflush(file_);
}

std::string IncidentLog::text() const {
  std::string text;
  for (const auto& [kind, count] : count_)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kind, count);
  return text;
}

}  // namespace looptwin::testbed
