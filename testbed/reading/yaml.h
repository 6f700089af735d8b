// A YAML file as a tree of nodes that know their bytes. What YAML would silently read as something else (off,
// 010, 14:00, null, tags, aliases, duplicate keys) is an error here, with the quoted form as its hint.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace looptwin::testbed::yaml {

struct Entry;

struct Node {
  enum class Is : uint8_t {
    scalar,
    map,
    list,
    refused,  ///< what stood here has been reported; readers pass over it in silence
  };
  Is is = Is::map;
  bool quoted = false;         ///< scalars: stood in quotes, or in a block (| or >)
  Span span;                   ///< of a scalar: its text, without quotes
  std::string text;            ///< of a scalar, as YAML reads it
  std::vector<Entry> entries;  ///< of a map, in the file's order
  std::vector<Node> items;     ///< of a list

  bool scalar() const { return is == Is::scalar; }
  bool map() const { return is == Is::map; }
  bool list() const { return is == Is::list; }
  bool refused() const { return is == Is::refused; }
  /// The entry's value, or null.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
};

struct Entry {
  std::string key;
  Span key_span;
  Node value;
};

struct Document {
  Node root;
  bool complete = true;  ///< false: the file is not YAML, and what it holds below is unknown
};

/// Parses one document. Problems go to `problems`; what could be read is returned all the same, an empty map
/// at worst, so that the errors of all files are shown at once. Where a quoted text has escapes, the node's
/// span points into a copy of the file in which they are resolved: lines and columns stay right.
Document parse(const SourcePtr& source, Diagnostics& problems);

/// The text in the quotes that read best: "a b", 'x == "a"'.
std::string in_quotes(std::string_view text);

}  // namespace looptwin::testbed::yaml
