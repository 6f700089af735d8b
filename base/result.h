// What the world refused, and what to do about it: diagnostics with a place in a source text, and Result<T>.
// A function that reads something from outside collects all its problems before it gives up; none throws.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace looptwin {

/// A text that diagnostics point into: a file, or what was given on a command line ("--set").
struct Source {
  std::string name;
  std::string text;
};
using SourcePtr = std::shared_ptr<const Source>;

/// Bytes [begin, end) of a source. A default Span points nowhere (the message then stands alone).
struct Span {
  SourcePtr source;
  uint32_t begin = 0;
  uint32_t end = 0;
};

/// One-based line and column (in bytes) of an offset.
struct LineColumn {
  int line = 1;
  int column = 1;
};
LineColumn line_column(const Source& source, uint32_t offset);

enum class Severity : uint8_t { error, warning, note };

struct Diagnostic {
  Severity severity = Severity::error;
  Span span;
  std::string message;  ///< what is wrong, in one sentence without a full stop
  std::string hint;     ///< what to write instead; empty where nothing sensible is known
};
using Diagnostics = std::vector<Diagnostic>;

bool has_errors(const Diagnostics& diagnostics);

/// "file:line:col: error: message", the line, a caret under the span, "  write: hint".
std::string render(const Diagnostic& diagnostic);
std::string render(const Diagnostics& diagnostics);

template <typename T>
using Result = tl::expected<T, Diagnostics>;

/// A single error without a place in a text: "cannot write runs/today: no space left on device".
tl::unexpected<Diagnostics> failure(std::string message, std::string hint = {});
tl::unexpected<Diagnostics> failure(Span span, std::string message, std::string hint = {});

}  // namespace looptwin
