#include <atomic>
#include <catch2/catch.hpp>
#include <numeric>

#include "base/archive.h"
#include "base/hash.h"
#include "base/printable.h"
#include "base/result.h"
#include "base/text.h"
#include "base/workers.h"

using namespace looptwin;

TEST_CASE("result: a diagnostic shows file, line, column, the line and a caret") {
  const auto source =
      std::make_shared<const Source>(Source{"rules.yaml", "events:\n  raise: air - cool > 3 degC\n"});
  const Diagnostic d{Severity::error, {source, 30, 36}, "a difference is in K, not in degC", "write 3 K"};
  CHECK(render(d) ==
        "rules.yaml:2:23: error: a difference is in K, not in degC\n"
        "      raise: air - cool > 3 degC\n"
        "                          ^~~~~~\n"
        "    write 3 K\n");
}

TEST_CASE("result: of a line as long as a file a part is shown, and what is no text as question marks") {
  const std::string before(1000, 'a'), after(5000, 'b');
  const auto source = std::make_shared<Source>(Source{"devices.json", before + "\xe9XY" + after});
  const auto text = render(Diagnostic{Severity::error, {source, 1001, 1003}, "no", ""});
  CHECK(text == "devices.json:1:1002: error: no\n    " + std::string(79, 'a') + "?XY" +
                    std::string(118, 'b') + "\n    " + std::string(80, ' ') + "^~\n");
}

TEST_CASE("text: the nearest name is offered only when it is near") {
  const std::vector<std::string> names = {"temperature", "power", "program"};
  CHECK(nearest("temprature", names) == "temperature");
  CHECK(nearest("pwoer", names) == "power");
  CHECK(nearest("humidity", names).empty());
}

TEST_CASE("text: joining puts the separator between, never around") {
  const std::vector<std::string> words = {"a", "", "c"};
  CHECK(joined({}) == "");
  CHECK(joined(std::span(words).first(1)) == "a");
  CHECK(joined(words) == "a, , c");
  CHECK(joined(words, ".") == "a..c");
}

TEST_CASE("text: globs stop at a slash unless doubled") {
  CHECK(glob_match("block-3/*", "block-3/home-7"));
  CHECK_FALSE(glob_match("block-*", "block-3/home-7"));
  CHECK(glob_match("**", "block-3/home-7"));
  CHECK(glob_match("block-?/home-7", "block-3/home-7"));
}

TEST_CASE("text: bytes that no UTF-8 has are found, where they begin") {
  const auto all = std::string_view::npos;
  for (const char* good :
       {"", "home-1", "Straße", "€", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    CHECK(first_not_utf8(good) == all);
  CHECK(first_not_utf8("h\xe9") == 1);             // Latin-1
  CHECK(first_not_utf8("ab\xc0\xaf") == 2);        // longer than need be
  CHECK(first_not_utf8("\xe0\x9f\xbf") == 0);      // the same in three bytes
  CHECK(first_not_utf8("\xed\xa0\x80") == 0);      // half of a pair
  CHECK(first_not_utf8("\xf4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(first_not_utf8("a\xe2\x82") == 1);         // torn
  CHECK(first_not_utf8(std::string_view("a\0b", 3)) == 1);
}

TEST_CASE("result: a diagnostic shows nothing of a file that a terminal would obey") {
  const auto source =
      std::make_shared<const Source>(Source{"x.json", "{\"unit\": \"\x1b[2J\xc2\x9b\xff\"}\r\n"});
  const Diagnostic d{Severity::error, {source, 9, 17}, "'\x1b[2J\xc2\x9b' is no unit", "write\n    'm\x07'"};
  CHECK(render(d) ==
        "x.json:1:10: error: '?[2J\?\?' is no unit\n"
        "    {\"unit\": \"?[2J\?\?\?\"}\n"
        "             ^~~~~~~~\n"
        "    write\n    'm?'\n");
}

TEST_CASE("text: what others have said is shown on one line, without what a terminal would obey") {
  CHECK(printable("Straße 7 € \xf0\x9f\x94\xa5\\") == "Straße 7 € \xf0\x9f\x94\xa5\\");
  CHECK(printable("a\x1b[2J\r\n\tb\x7f") == "a\\x1b[2J\\x0d\\x0a\\x09b\\x7f");
  CHECK(printable("\xc2\x9b"
                  "2J \xc2\xa0") == "\\x9b2J \xc2\xa0");  // CSI in two bytes; a space that is none
  CHECK(printable(std::string_view("\0\xff\xc2", 3)) == "\\x00\\xff\\xc2");
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("abcd", 3) == "abc…");
  CHECK(printable("ab€", 3) == "ab…");  // no character is torn
  CHECK(printable("").empty());
}

TEST_CASE("archive: what is written is read, and a wrong section is named") {
  ArchiveWriter writer;
  writer.section("events", 2);
  writer.put(int64_t{-7});
  writer.put_vector(std::vector<double>{1.5, 2.5});
  writer.put(std::string_view("block-1"));

  ArchiveReader reader(writer.bytes());
  CHECK(reader.section("events", 2) == 2);
  CHECK(reader.get<int64_t>() == -7);
  CHECK(reader.get_vector<double>() == std::vector<double>{1.5, 2.5});
  CHECK(reader.get_string() == "block-1");
  CHECK((reader.ok() && reader.at_end()));

  ArchiveReader wrong(writer.bytes());
  CHECK(wrong.section("rules", 1) == 0);
  CHECK(wrong.error() == "expected the section 'rules', found 'events'");
  ArchiveReader old(writer.bytes());
  CHECK(old.section("events", 1) == 0);
  CHECK_FALSE(old.ok());
}

TEST_CASE("archive: equal values are equal bytes, whatever lay between their members") {
  struct Padded {
    uint8_t kind;
    double value;
    uint16_t index;
  };
  const auto written = [](int garbage) {
    std::vector<Padded> values(3);
    std::memset(static_cast<void*>(values.data()), garbage, values.size() * sizeof(Padded));
    for (auto& value : values) value.kind = 1, value.value = 2.5, value.index = 3;
    ArchiveWriter writer;
    writer.put(values[0]);
    writer.put_vector(values);
    return writer.take();
  };
  const auto bytes = written(0xff);
  CHECK(bytes == written(0x00));
  ArchiveReader reader(bytes);
  CHECK(reader.get<Padded>().value == 2.5);
  CHECK(reader.get_vector<Padded>().at(2).index == 3);
}

TEST_CASE("archive: one that borrows its columns reads as one that holds them") {
  std::vector<int64_t> column(20'000), short_one(3, 5);
  for (size_t i = 0; i < column.size(); ++i) column[i] = static_cast<int64_t>(i * i);
  std::vector<uint8_t> bytes(3'000'000, 7);
  bytes.back() = 9;
  const auto write = [&](ArchiveWriter& writer) {
    writer.section("columns", 1);
    writer.put_column(column);
    writer.put_column(short_one);
    writer.put_column(std::span<const uint8_t>(bytes));
    writer.put_column(std::vector<double>{});
    writer.put(std::string_view("end"));
  };
  ArchiveWriter holds, borrows(true);
  write(holds);
  write(borrows);
  CHECK(borrows.size() == holds.bytes().size());
  Workers workers(2);
  column[17] = -1;  // it is read only now
  for (const bool borrowed : {false, true}) {
    ArchiveReader reader = borrowed ? ArchiveReader(borrows, workers) : ArchiveReader(holds.bytes());
    reader.section("columns", 1);
    std::vector<int64_t> read(column.size());
    reader.get_span(std::span(read));
    CHECK(read[17] == (borrowed ? -1 : 17 * 17));
    CHECK(read.back() == column.back());
    CHECK(reader.get_vector<int64_t>() == short_one);
    CHECK(reader.get_vector<uint8_t>() == bytes);
    CHECK(reader.get_vector<double>().empty());
    CHECK_FALSE(reader.at_end());
    CHECK(reader.get_string() == "end");
    CHECK((reader.ok() && reader.at_end()));
  }
  ArchiveReader other(borrows, workers);
  other.section("columns", 1);
  std::vector<int64_t> shorter(column.size() - 1);
  other.get_span(std::span(shorter));
  CHECK(other.error() == "a column of another length (after section 'columns')");
}

TEST_CASE("archive: every torn tail is a mismatch, never a crash") {
  ArchiveWriter writer;
  writer.section("hot", 1);
  writer.put_vector(std::vector<int>(100, 3));
  for (size_t size = 0; size < writer.bytes().size(); ++size) {
    ArchiveReader reader(std::span(writer.bytes()).first(size));
    reader.section("hot", 1);
    CHECK(reader.get_vector<int>().size() <= 100);
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("hash: stable values that lie on disks and in logs") {
  const std::string text = "block-1/home-7";
  const auto bytes = std::as_bytes(std::span(text));
  CHECK(to_string(hash128({})) == "99aa06d3014798d86001c324468d497f");   // XXH3's published value of no input
  CHECK(crc32(std::as_bytes(std::span("123456789", 9))) == 0xcbf43926);  // the check value of CRC-32
  CHECK(hash64(text) == hash64(bytes));
  CHECK(hash128(bytes) != hash128(bytes.first(5)));
}

TEST_CASE("workers: threads that wake late do nothing of a call that is over, and its parts are all done") {
  Workers workers(5);  // more than there are cores to run them: many of them wake late
  size_t wrong = 0;
  for (size_t call = 0; call < 20'000; ++call) {
    std::array<size_t, 5> said{};  // gone when the call is: who comes late would write into another
    const size_t parts = 2 + call % 4;
    workers.run(parts, [&](size_t part, int) { said[part] += call; });
    for (size_t part = 0; part < said.size(); ++part) wrong += said[part] != (part < parts ? call : 0);
  }
  CHECK(wrong == 0);
}

TEST_CASE("workers: every part runs once, whatever the number of threads") {
  for (const int threads : {1, 2, 5}) {
    Workers workers(threads);
    for (const size_t parts : {0u, 1u, 7u, 1000u}) {
      std::vector<std::atomic<int>> ran(parts);
      workers.run(parts, [&](size_t part, int) { ran[part].fetch_add(1); });
      CHECK(std::all_of(ran.begin(), ran.end(), [](const auto& n) { return n.load() == 1; }));
    }
  }
}
