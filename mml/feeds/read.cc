#include "mml/feeds/read.h"

#include "mml/feeds/table.h"

namespace looptwin::mml {
namespace {

bool digits(std::string_view text) {
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return !text.empty();
}

}  // namespace

std::optional<FeedFormat> sniff(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.starts_with("LOCATION,")) return FeedFormat::epw;
  const auto first = text.substr(0, text.find('\n'));
  const auto rest = text.substr(std::min(first.size() + 1, text.size()));
  const auto second = rest.substr(0, rest.find('\n'));
  // TMY2: a station's number, then fixed columns that begin with year, month, day and hour.
  if (first.size() >= 58 && digits(first.substr(1, 5)) && second.size() >= 141 &&
      digits(second.substr(1, 20)))
    return FeedFormat::tmy2;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (line.empty() || line == "\r" || line.front() == '#') continue;
    if (line.starts_with("time") && (line.size() == 4 || line.find(',') != line.npos)) return FeedFormat::csv;
    return std::nullopt;
  }
  return std::nullopt;
}

Result<Series> read_series(const SourcePtr& source, const lang::Units& units, const ReadOptions& options) {
  const auto format = sniff(source->text);
  if (!format) {
    const auto end = static_cast<uint32_t>(std::min(source->text.find('\n'), source->text.size()));
    return failure({source, 0, end}, "this is none of the feed formats CSV, TMY2, EPW",
                   "a CSV begins with a header such as: time,temperature [degC],price [USD/kWh] hold");
  }
  switch (*format) {
    case FeedFormat::csv:
      return read_csv(source, units, options);
    case FeedFormat::tmy2:
      return read_tmy2(source, units, options);
    case FeedFormat::epw:
      return read_epw(source, units, options);
  }
  return failure("unknown format");
}

}  // namespace looptwin::mml
