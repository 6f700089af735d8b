#include "testbed/reading/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>
#include <algorithm>
#include <sstream>
#include <utility>

namespace looptwin::testbed::yaml {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text;
}

size_t digits_at(std::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - from;
}

/// 010, -007 W: YAML 1.1 reads octal numbers, people read decimal ones.
bool has_leading_zero(std::string_view text) {
  text = without_sign(text);
  const size_t digits = digits_at(text, 0);
  if (digits < 2 || text[0] != '0') return false;
  return digits == text.size() || text[digits] == ' ' || text[digits] == '.' || text[digits] == '_';
}

/// 14:00, 1:30:00.5: YAML 1.1 reads sexagesimal integers.
bool is_sexagesimal(std::string_view text) {
  text = without_sign(text);
  size_t at = digits_at(text, 0);
  if (at == 0 || at == text.size() || text[at] != ':') return false;
  while (at < text.size() && text[at] == ':') {
    const size_t digits = digits_at(text, at + 1);
    if (digits == 0 || digits > 2) return false;
    at += 1 + digits;
  }
  if (at < text.size() && text[at] == '.') at += 1 + digits_at(text, at + 1);
  return at == text.size();
}

/// 2019-07-15, 2019-07-15T00:00:00: a timestamp to YAML 1.1.
bool is_date(std::string_view text) {
  return text.size() >= 10 && digits_at(text, 0) == 4 && text[4] == '-' && digits_at(text, 5) == 2 &&
         text[7] == '-' && digits_at(text, 8) == 2;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

/// What a plain scalar would be taken for by some YAML reader, with what to write instead; empty if it is
/// harmless.
std::pair<std::string, std::string> misread(std::string_view text) {
  const auto write = [&] { return "write " + in_quotes(text); };
  if (const auto word = lower(text); word == "on" || word == "off" || word == "yes" || word == "no")
    return {fmt::format("'{}' is a boolean to YAML", text), write()};
  else if (word != text && (word == "true" || word == "false"))
    return {fmt::format("'{}' is not how a boolean is written", text), "write " + word};
  if (has_leading_zero(text))
    return {fmt::format("'{}' has a leading zero, which YAML reads as octal", text),
            "write it without, or as " + in_quotes(text)};
  if (is_sexagesimal(text)) return {fmt::format("'{}' is a number of base 60 to YAML", text), write()};
  if (is_date(text)) return {fmt::format("'{}' is a timestamp to YAML", text), write()};
  return {};
}

int open_brackets(std::string_view text) {
  int open = 0;
  for (const char c : text) open += c == '(' ? 1 : c == ')' ? -1 : 0;
  return open;
}

/// Builds the tree from yaml-cpp's events, which give where a node begins; where it ends is found in the
/// bytes.
class Builder : public YAML::EventHandler {
 public:
  Builder(const SourcePtr& source, Diagnostics& problems)
      : source_(source), text_(source->text), problems_(problems) {}

  Node take() { return std::move(root_); }
  bool seen() const { return seen_; }
  /// The line on which its document begins.
  Span beginning() const {
    return {source_, begin_, static_cast<uint32_t>(std::min(text_.find('\n', begin_), text_.size()))};
  }

  void OnDocumentStart(const YAML::Mark& mark) override { begin_ = offset(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    const uint32_t begin = offset(mark);
    if (std::exchange(anchored_, false)) refuse_sign(begin);
    const bool written =
        begin < text_.size() && (text_[begin] == '~' || lower(text_.substr(begin, 4)) == "null");
    const Span span{source_, begin, begin + (written ? (text_[begin] == '~' ? 1u : 4u) : 0u)};
    const bool piece =
        begin < swallowed_until_ || (!stack_.empty() && stack_.back().has_key && !stack_.back().keep);
    if (!piece) report_null(span, written);
    refuse(span);
  }

  /// The parser itself refuses an alias of nothing, so this one is meant.
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    const uint32_t begin = offset(mark);
    const Span alias = sign_at(begin);
    if (begin >= swallowed_until_)
      error(alias, fmt::format("'{}' is an alias in YAML", written(alias)), "write out what it stands for");
    refuse(alias);
  }

  void OnAnchor(const YAML::Mark&, const std::string&) override { anchored_ = true; }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    const uint32_t begin = offset(mark);
    Node node;
    node.is = Node::Is::scalar;
    node.text = value;
    const bool anchored = std::exchange(anchored_, false);
    if (anchored || has_tag(tag)) {
      if (tag == "!")
        refuse_property(begin);
      else
        refuse_sign(begin);
      return refuse({source_, begin, end_of_line(begin)});
    }
    node.quoted = tag == "!";
    node.span = node.quoted ? quoted_span(begin, value) : Span{source_, begin, folded_end(begin, value)};
    if (!node.quoted && !check_plain(node)) return refuse(node.span);
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value style) override {
    if (std::exchange(anchored_, false) || has_tag(tag)) refuse_property(offset(mark));
    open(Node::Is::list, offset(mark), style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value style) override {
    if (std::exchange(anchored_, false) || has_tag(tag)) refuse_property(offset(mark));
    open(Node::Is::map, offset(mark), style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    bool flow = false;
    bool has_key = false;  ///< maps: `key` waits for its value
    bool keep = true;      ///< the key was good
    Entry key;
  };

  uint32_t offset(const YAML::Mark& mark) const {
    return static_cast<uint32_t>(std::clamp<int64_t>(mark.pos, 0, static_cast<int64_t>(text_.size())));
  }
  uint32_t end_of_line(uint32_t from) const {
    const auto end = std::min(text_.find('\n', from), text_.size());
    return from + static_cast<uint32_t>(trimmed(text_.substr(from, end - from)).size());
  }
  bool in_flow() const { return !stack_.empty() && stack_.back().flow; }

  void error(Span span, std::string message, std::string hint) {
    problems_.push_back({Severity::error, std::move(span), std::move(message), std::move(hint)});
  }

  /// Where a folded text ends: a run of blanks in the value stands for any run of blanks in the file.
  uint32_t folded_end(uint32_t begin, std::string_view value) const {
    size_t at = begin;
    for (size_t i = 0; i < value.size();) {
      if (is_space(value[i])) {
        while (i < value.size() && is_space(value[i])) ++i;
        if (i == value.size()) break;
        while (at < text_.size() && is_space(text_[at])) ++at;
      } else {
        ++i;
        ++at;
      }
    }
    return static_cast<uint32_t>(std::min(at, text_.size()));
  }

  /// The bytes between the quotes, or of a block. With escapes: of a copy of the file that has the text
  /// resolved.
  Span quoted_span(uint32_t begin, const std::string& value) const {
    const char quote = begin < text_.size() ? text_[begin] : '"';
    if (quote == '|' || quote == '>') {
      size_t first = std::min(text_.find('\n', begin), text_.size());
      while (first < text_.size() && is_space(text_[first])) ++first;
      const auto content = trimmed(value);
      return {source_, static_cast<uint32_t>(first), folded_end(static_cast<uint32_t>(first), content)};
    }
    size_t end = begin + 1;
    bool escapes = false;
    while (end < text_.size() && (text_[end] != quote || (quote == '\'' && text_.substr(end, 2) == "''"))) {
      const bool escape = text_[end] == (quote == '"' ? '\\' : '\'');
      escapes |= escape;
      end += escape ? 2 : 1;
    }
    end = std::min(end, text_.size());
    if (!escapes) return {source_, begin + 1, static_cast<uint32_t>(end)};
    auto resolved = std::make_shared<Source>(*source_);
    resolved->text.replace(begin + 1, end - begin - 1, value);
    return {std::move(resolved), begin + 1, begin + 1 + static_cast<uint32_t>(value.size())};
  }

  /// A text that YAML takes for a tag, an anchor or an alias because of its first sign.
  void refuse_sign(uint32_t begin) {
    if (begin < swallowed_until_ || begin >= text_.size()) return;
    const auto what = text_[begin] == '!' ? "a tag" : text_[begin] == '&' ? "an anchor" : "an alias";
    uint32_t end = end_of_line(begin);
    if (in_flow()) end = static_cast<uint32_t>(std::min<size_t>(text_.find_first_of(",}]\n", begin), end));
    swallowed_until_ = end;
    const auto text = trimmed(text_.substr(begin, end - begin));
    error({source_, begin, end}, fmt::format("'{}' begins {} in YAML", text, what),
          "write " + in_quotes(text));
  }

  /// "?" and "!" stand for no tag, before a plain and a quoted text.
  static bool has_tag(const std::string& tag) { return !tag.empty() && tag != "?" && tag != "!"; }

  /// An anchor, alias or tag by itself.
  Span sign_at(uint32_t begin) const {
    const size_t end = std::min(text_.find_first_of(" \t\r\n[]{},", begin), text_.size());
    return {source_, begin, static_cast<uint32_t>(end)};
  }

  /// An anchor or tag before a list, a map or a quoted text: it is not the beginning of a text.
  void refuse_property(uint32_t begin) {
    if (begin < swallowed_until_) return;
    const Span sign = sign_at(begin);
    const bool anchor = text_[begin] == '&';
    error(sign, fmt::format("'{}' is {} in YAML", written(sign), anchor ? "an anchor" : "a tag"),
          anchor ? "leave it out, and write out what it names wherever that is meant" : "leave it out");
  }

  std::string_view written(const Span& span) const { return text_.substr(span.begin, span.end - span.begin); }

  void report_null(const Span& span, bool written) {
    const bool at_value = !stack_.empty() && stack_.back().has_key;
    if (!at_value) {
      error(span, "a null is not a value here",
            written ? "a text is quoted: \"null\"" : "write a value, or remove the line");
      return;
    }
    const auto& key = stack_.back().key;
    if (written) {
      error(span, fmt::format("'{}' is null", key.key),
            fmt::format("remove the key; a text is quoted: {}: \"null\"", key.key));
    } else {
      error(key.key_span, fmt::format("'{}' has no value", key.key),
            fmt::format("write {}: with a value, or remove the key; an empty text is {}: \"\"", key.key,
                        key.key));
    }
  }

  bool check_plain(const Node& node) {
    if (node.span.begin < swallowed_until_) return true;
    const bool split = in_flow() && open_brackets(node.text) > 0;
    const auto [message, hint] = misread(node.text);
    if (split)
      report_split(node.span.begin);
    else if (!message.empty())
      error(node.span, message, hint);
    return !split && message.empty();
  }

  /// `{a: if(x, 1, 2)}`: YAML splits the expression at its commas. Shows it whole and quoted, and skips its
  /// pieces.
  void report_split(uint32_t begin) {
    size_t end = begin;
    int depth = 0;
    for (; end < text_.size() && text_[end] != '\n'; ++end) {
      const char c = text_[end];
      if (c == '(') ++depth;
      if (c == ')') --depth;
      if (depth <= 0 && (c == ',' || c == ']' || c == '}')) break;
    }
    const auto text = trimmed(text_.substr(begin, end - begin));
    swallowed_until_ = begin + static_cast<uint32_t>(text.size());
    error({source_, begin, swallowed_until_}, "within { } or [ ] YAML splits this text at its commas",
          "write " + in_quotes(text));
  }

  void open(Node::Is is, uint32_t begin, YAML::EmitterStyle::value style) {
    Frame frame;
    frame.node.is = is;
    frame.node.span = {source_, begin, begin};
    frame.flow = style == YAML::EmitterStyle::Flow;
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    uint32_t end = frame.node.span.begin;
    for (const auto& e : frame.node.entries) end = std::max(end, e.value.span.end);
    for (const auto& n : frame.node.items) end = std::max(end, n.span.end);
    if (frame.flow)
      end = static_cast<uint32_t>(std::min(text_.find_first_of("}]", end), text_.size() - 1)) + 1;
    frame.node.span.end = end;
    add(std::move(frame.node));
  }

  /// A node that was reported: it takes its place, so that its key is not reported as missing.
  void refuse(const Span& span) {
    Node node;
    node.is = Node::Is::refused;
    node.span = span;
    add(std::move(node));
  }

  void add(Node node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      seen_ = true;
      return;
    }
    auto& frame = stack_.back();
    if (frame.node.list()) {
      if (node.refused() || !swallowed(node)) frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      take_key(frame, std::move(node));
    } else {
      frame.has_key = false;
      if (!frame.keep) return;
      frame.key.value = std::move(node);
      frame.node.entries.push_back(std::move(frame.key));
    }
  }

  bool swallowed(const Node& node) const {
    return node.span.source == source_ && node.span.begin < swallowed_until_;
  }

  void take_key(Frame& frame, Node node) {
    frame.has_key = true;
    frame.keep = node.scalar() && !swallowed(node);
    frame.key = Entry{node.text, node.span, {}};
    if (node.refused()) return;
    if (!node.scalar())
      return error(node.span, "a key is a word, not a map or a list", "quote a text that begins with { or [");
    if (const Node* before = frame.keep ? frame.node.find(node.text) : nullptr) {
      const auto first = std::find_if(frame.node.entries.begin(), frame.node.entries.end(),
                                      [&](const Entry& e) { return &e.value == before; });
      const auto at = line_column(*source_, first->key_span.begin);
      error(node.span, fmt::format("'{}' is here twice; the first is in line {}", node.text, at.line),
            "remove one of them");
      frame.keep = false;
    }
  }

  SourcePtr source_;
  std::string_view text_;
  Diagnostics& problems_;
  std::vector<Frame> stack_;
  Node root_;
  bool seen_ = false;
  uint32_t begin_ = 0;            ///< of its document
  bool anchored_ = false;         ///< an anchor stands before the node that comes next
  uint32_t swallowed_until_ = 0;  ///< what begins before was part of a text already reported
};

/// A guess at what made the file unreadable: a text on this line that should have been quoted.
std::string quoting_hint(std::string_view text, size_t position) {
  position = std::min(position, text.size());
  const auto newline = position == 0 ? std::string_view::npos : text.rfind('\n', position - 1);
  const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  const auto line = text.substr(start, std::min(text.find('\n', start), text.size()) - start);
  if (line.find('\t') < line.find_first_not_of(" \t")) return "indent with spaces, not tabs";
  const auto colon = line.find(": ");
  // As a value of --set, which may have colons of its own: discrete(1 s: 0.5, 2 s: 0.5).
  const bool bare =
      line.substr(0, colon).find('(') != std::string_view::npos || colon == std::string_view::npos;
  const auto value = trimmed(bare ? line : line.substr(colon + 2));
  if (value.empty() || value[0] == '"' || value[0] == '\'' || value[0] == '{' || value[0] == '[') return {};
  const bool sign = std::string_view("!&*%@`|>").find(value[0]) != std::string_view::npos;
  if (!sign && value.find(": ") == std::string_view::npos) return {};
  if (bare) return fmt::format("write {}", in_quotes(value));
  return fmt::format("write {}: {}", trimmed(line.substr(0, colon)), in_quotes(value));
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const auto& e : entries)
    if (e.key == key) return &e.value;
  return nullptr;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

std::string in_quotes(std::string_view text) {
  if (text.find('"') != std::string_view::npos && text.find('\'') == std::string_view::npos)
    return fmt::format("'{}'", text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

Document parse(const SourcePtr& source, Diagnostics& problems) {
  Builder builder(source, problems);
  bool complete = true;
  try {
    std::istringstream stream(source->text);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    Diagnostics ignored;
    if (Builder second(source, ignored); parser.HandleNextDocument(second) && second.seen())
      problems.push_back({Severity::error, second.beginning(), "a second document begins here",
                          "put each into its own file and name it in use:"});
  } catch (const YAML::Exception& e) {
    complete = false;
    const auto at =
        static_cast<uint32_t>(std::clamp<int64_t>(e.mark.pos, 0, static_cast<int64_t>(source->text.size())));
    const bool last = !problems.empty() && problems.back().span.source == source;
    // What was already said about this very place is the better message.
    if (!last || line_column(*source, problems.back().span.begin).line != line_column(*source, at).line)
      problems.push_back(
          {Severity::error, {source, at, at}, "this is not YAML: " + e.msg, quoting_hint(source->text, at)});
  }
  auto root = builder.take();
  if (!root.span.source) root.span = {source, 0, 0};  // nothing stands in it
  return {std::move(root), complete};
}

}  // namespace looptwin::testbed::yaml
