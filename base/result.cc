#include "base/result.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/text.h"

namespace looptwin {

LineColumn line_column(const Source& source, uint32_t offset) {
  const auto upto = std::string_view(source.text).substr(0, std::min<size_t>(offset, source.text.size()));
  const auto last_newline = upto.rfind('\n');
  const auto line_start = last_newline == std::string_view::npos ? 0 : last_newline + 1;
  return {static_cast<int>(std::count(upto.begin(), upto.end(), '\n')) + 1,
          static_cast<int>(upto.size() - line_start) + 1};
}

bool has_errors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

namespace {

/// Bytes that no terminal could show, or that it would obey, stand as question marks: files and what they
/// say may be anybody's.
std::string harmless(std::string text) {
  const auto next_bad = [&](size_t from) {
    const size_t bad = first_not_utf8(std::string_view(text).substr(from));
    return bad == std::string_view::npos ? bad : from + bad;
  };
  for (size_t bad = next_bad(0); bad != std::string_view::npos; bad = next_bad(bad + 1)) text[bad] = '?';
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) text[i] = '?';
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) text[i] = text[i + 1] = '?';  // C1
  }
  return text;
}

/// As much of a long line as shows what is around `begin`, for a line may be a whole file.
struct Excerpt {
  std::string text;
  size_t begin;  ///< where `begin` is in it
};
Excerpt excerpt(std::string_view line, size_t begin) {
  constexpr size_t kWidest = 200, kBefore = 80;
  const auto within = [&](size_t i) { return i < line.size() && (line[i] & 0xc0) == 0x80; };
  size_t from = line.size() > kWidest && begin > kBefore ? begin - kBefore : 0;
  while (from < begin && within(from)) ++from;
  size_t to = std::min(from + kWidest, line.size());
  while (to > begin && within(to)) --to;
  if (to == line.size() && to > begin && line[to - 1] == '\r') --to;
  return {harmless(std::string(line.substr(from, to - from))), begin - from};
}

}  // namespace

std::string render(const Diagnostic& diagnostic) {
  static constexpr std::string_view kSeverity[] = {"error", "warning", "note"};
  std::string out;
  const auto& span = diagnostic.span;
  if (span.source) {
    const auto at = line_column(*span.source, span.begin);
    out += fmt::format("{}:{}:{}: ", span.source->name, at.line, at.column);
  }
  out +=
      fmt::format("{}: {}\n", kSeverity[static_cast<int>(diagnostic.severity)], harmless(diagnostic.message));
  if (span.source && span.begin <= span.source->text.size()) {
    const std::string_view text = span.source->text;
    const auto newline = span.begin == 0 ? std::string_view::npos : text.rfind('\n', span.begin - 1);
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    const size_t stop = std::min(text.find('\n', span.begin), text.size());
    const auto shown = excerpt(text.substr(start, stop - start), span.begin - start);
    // A tab keeps its width under the caret by being repeated as a tab.
    std::string pad;
    for (const char c : shown.text.substr(0, shown.begin)) pad += c == '\t' ? '\t' : ' ';
    const size_t end =
        std::min<size_t>(std::max(span.begin, span.end) - span.begin + shown.begin, shown.text.size());
    const size_t width = std::max<size_t>(1, end - std::min(shown.begin, end));
    out += fmt::format("    {}\n    {}{}\n", shown.text, pad, '^' + std::string(width - 1, '~'));
  }
  if (!diagnostic.hint.empty()) out += fmt::format("    {}\n", harmless(diagnostic.hint));
  return out;
}

std::string render(const Diagnostics& diagnostics) {
  std::string out;
  for (const auto& d : diagnostics) out += render(d);
  return out;
}

tl::unexpected<Diagnostics> failure(std::string message, std::string hint) {
  return failure(Span{}, std::move(message), std::move(hint));
}

tl::unexpected<Diagnostics> failure(Span span, std::string message, std::string hint) {
  return tl::make_unexpected(
      Diagnostics{{Severity::error, std::move(span), std::move(message), std::move(hint)}});
}

}  // namespace looptwin
