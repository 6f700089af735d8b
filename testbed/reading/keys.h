// The keys of scenario files as tables: one table a section, one row a key. load() reads by them,
// json_schema() and the key tables of docs/scenario.md are printed from them, so that the three cannot
// disagree.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "lang/units.h"
#include "testbed/reading/yaml.h"

namespace looptwin::testbed {

/// What stands after a key.
enum class Form : uint8_t {
  text,
  prose,
  name,
  pattern,
  path,
  date,
  time_of_day,
  word,
  words,
  texts,
  boolean,
  whole_number,
  number,
  share,
  duration,
  period,
  quantity,
  unit,
  range,
  distribution,
  durations,   ///< a list of them
  quantities,  ///< a list of them
  expression,
  expressions,  ///< a map of names to expressions
  section,      ///< a map with the keys of `section`
  word_or_section,
  named,        ///< a map of names to such sections
  list,         ///< a list of such sections
  one_or_more,  ///< one such section, or a list of them
  other,        ///< as `about` says
};
const char* name_of(Form form);  ///< for documents: "duration > 0", "expression"

class Extensions;
struct SectionInfo;

struct KeyInfo {
  std::string name;
  Form form = Form::text;
  std::string about;
  bool required = false;
  std::string fallback;            ///< the default as one would write it, or in words
  std::vector<std::string> words;  ///< of Form::word
  const SectionInfo* section = nullptr;
};

struct SectionInfo {
  std::string name;    ///< "a telemetry field": for messages
  std::string anchor;  ///< "telemetry": of its table in docs/scenario.md
  std::vector<KeyInfo> keys;
  std::optional<KeyInfo> others;  ///< what any other key stands for; absent: an unknown key is an error
  /// Keys that people write for others, or at the wrong place, and what to write instead.
  std::vector<std::pair<std::string, std::string>> mistaken;

  std::vector<std::string> key_names() const;
};

/// What reading needs beside the node at hand, and where problems go.
struct Reader {
  const lang::Units& units;
  Diagnostics& problems;
  bool complete = true;  ///< false: a file is unreadable, so that nothing can be said to be missing
  const Extensions* extensions = nullptr;  ///< null: there are none

  void error(const Span& span, std::string message, std::string hint = {}) {
    problems.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }
  /// The value of a result, or its diagnostics into `problems`.
  template <typename T>
  std::optional<T> accept(Result<T> result) {
    if (result) return std::move(*result);
    problems.insert(problems.end(), result.error().begin(), result.error().end());
    return std::nullopt;
  }
};

/// How the value of a key is read; returns nothing after having reported why.
template <typename V>
struct Value {
  Form form;
  std::function<std::optional<V>(Reader&, const yaml::Node&)> read;
  std::vector<std::string> words = {};
};

template <typename T>
struct Key {
  KeyInfo info;
  std::function<void(Reader&, const yaml::Entry&, T&)> read;
};

// The checks that need no type: a map, all required keys, no unknown ones.
bool expect_map(Reader& reader, const SectionInfo& section, const yaml::Node& node, const Span& where);
void check_keys(Reader& reader, const SectionInfo& section, const yaml::Node& node, const Span& where);
bool expect_list(Reader& reader, const std::string& key, const yaml::Node& node);
bool is_name_sign(char c);  ///< of a name
/// Whether a name can be used in expressions; reports it where not.
bool check_name(Reader& reader, const std::string& name, const Span& span);

template <typename T>
struct Section : SectionInfo {
  std::vector<Key<T>> readers;
  /// Of keys that `others` stands for.
  std::function<void(Reader&, const yaml::Entry&, T&)> read_other;

  Section(std::string name, std::string anchor, std::vector<Key<T>> table)
      : SectionInfo{std::move(name), std::move(anchor), {}, {}}, readers(std::move(table)) {
    for (const auto& key : readers) keys.push_back(key.info);
  }
  Section with_mistaken(std::vector<std::pair<std::string, std::string>> words) && {
    mistaken = std::move(words);
    return std::move(*this);
  }
  Section with_others(Key<T> other) && {
    others = std::move(other.info);
    read_other = std::move(other.read);
    return std::move(*this);
  }

  /// Reads in the order of the table, whatever the order in the file. `where`: the key that the section
  /// stands at.
  void read(Reader& reader, const yaml::Node& node, const Span& where, T& out) const {
    if (!expect_map(reader, *this, node, where)) return;
    check_keys(reader, *this, node, where);
    for (const auto& key : readers)
      for (const auto& entry : node.entries)
        if (entry.key == key.info.name && !entry.value.refused()) key.read(reader, entry, out);
    if (!read_other) return;
    for (const auto& entry : node.entries) {
      const bool known =
          std::any_of(keys.begin(), keys.end(), [&](const KeyInfo& k) { return k.name == entry.key; });
      if (!known && !entry.value.refused()) read_other(reader, entry, out);
    }
  }
};

// Keys. `member` is a pointer to a member of T, or a function from T& to the place to fill.

template <typename T, typename V, typename M>
Key<T> key_of(KeyInfo info, Value<V> value, M member) {
  info.form = value.form;
  info.words = value.words;
  return {std::move(info), [value, member](Reader& reader, const yaml::Entry& entry, T& out) {
            if (auto read = value.read(reader, entry.value)) std::invoke(member, out) = std::move(*read);
          }};
}
template <typename T, typename V, typename M>
Key<T> required(std::string name, Value<V> value, M member, std::string about) {
  return key_of<T>({.name = std::move(name), .about = std::move(about), .required = true}, std::move(value),
                   member);
}
template <typename T, typename V, typename M>
Key<T> optional(std::string name, Value<V> value, M member, std::string fallback, std::string about) {
  return key_of<T>({.name = std::move(name), .about = std::move(about), .fallback = std::move(fallback)},
                   std::move(value), member);
}

/// The key, which also notes where its value stands in the member `span`.
template <typename T, typename M>
Key<T> with_span(Key<T> key, M span) {
  key.read = [read = key.read, span](Reader& reader, const yaml::Entry& entry, T& out) {
    out.*span = entry.value.span;
    read(reader, entry, out);
  };
  return key;
}

/// A map with the keys of `section`, read into a member (or an optional one).
template <typename T, typename U, typename M>
Key<T> section(std::string name, const Section<U>& section, M member, std::string about) {
  return {{.name = std::move(name), .form = Form::section, .about = std::move(about), .section = &section},
          [&section, member](Reader& reader, const yaml::Entry& entry, T& out) {
            U value;
            if constexpr (requires { value.span; }) value.span = entry.key_span;
            section.read(reader, entry.value, entry.key_span, value);
            std::invoke(member, out) = std::move(value);
          }};
}

/// A map with the keys of `section`, whose values `take` puts into several members of T.
template <typename T, typename U, typename Take>
Key<T> section_into(std::string name, const Section<U>& section, std::string about, Take take) {
  return {{.name = std::move(name), .form = Form::section, .about = std::move(about), .section = &section},
          [&section, take](Reader& reader, const yaml::Entry& entry, T& out) {
            U value;
            if constexpr (requires { value.span; }) value.span = entry.key_span;
            section.read(reader, entry.value, entry.key_span, value);
            take(out, std::move(value));
          }};
}

/// Reads a map of names to sections; names are checked, and set with their spans.
template <typename U>
void read_named(Reader& reader, const SectionInfo& owner, const Section<U>& section, const yaml::Entry& entry,
                std::vector<U>& out) {
  if (!expect_map(reader, owner, entry.value, entry.key_span)) return;
  for (const auto& item : entry.value.entries) {
    if (!check_name(reader, item.key, item.key_span)) continue;
    U& value = out.emplace_back();
    if constexpr (requires { value.name; }) {
      value.name = item.key;
      value.span = item.key_span;
    } else {
      value.event.name = item.key;
      value.event.span = item.key_span;
    }
    section.read(reader, item.value, item.key_span, value);
  }
}

template <typename T, typename U, typename M>
Key<T> named(std::string name, const Section<U>& section, M member, std::string about) {
  const SectionInfo owner{"a map of names", {}, {}, {}};
  return {{.name = std::move(name), .form = Form::named, .about = std::move(about), .section = &section},
          [owner, &section, member](Reader& reader, const yaml::Entry& entry, T& out) {
            read_named(reader, owner, section, entry, std::invoke(member, out));
          }};
}

/// A list of sections; with Form::one_or_more a single section does as well.
template <typename T, typename U, typename M>
Key<T> list(std::string name, const Section<U>& section, M member, std::string about,
            Form form = Form::list) {
  return {{.name = name, .form = form, .about = std::move(about), .section = &section},
          [name, form, &section, member](Reader& reader, const yaml::Entry& entry, T& out) {
            const auto take = [&](const yaml::Node& node, const Span& where) {
              U& value = std::invoke(member, out).emplace_back();
              value.span = where;
              section.read(reader, node, where, value);
            };
            if (form == Form::one_or_more && entry.value.map()) return take(entry.value, entry.key_span);
            if (!expect_list(reader, name, entry.value)) return;
            for (const auto& item : entry.value.items) take(item, item.span);
          }};
}

}  // namespace looptwin::testbed
