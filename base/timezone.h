// A timezone of the IANA database, read from the system's tzdata (TZif, RFC 8536). Immutable and cheap to
// copy.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/civil.h"
#include "base/result.h"

namespace looptwin {

class Timezone {
 public:
  /// "America/Phoenix", "Europe/Berlin", "UTC". The directory is ZONEINFO's, else /usr/share/zoneinfo. An
  /// unknown name is an error with the nearest known one.
  static Result<Timezone> load(std::string_view name);
  /// From the bytes of a TZif file of version 2 or later.
  static Result<Timezone> from_bytes(std::string name, std::string_view bytes);
  /// A fixed offset east of UTC, without a name in the database ("UTC-07:00").
  static Timezone fixed(int offset_s);
  static Timezone utc() { return fixed(0); }

  const std::string& name() const;

  /// Seconds east of UTC at an instant (-25200 in Phoenix).
  int offset_at(UnixTime t) const;
  /// "MST", "CEST".
  std::string abbreviation_at(UnixTime t) const;
  /// The local fields of an instant.
  Civil to_local(UnixTime t) const;

  /// What a local time names. In a fold (clocks set back) it happens twice; in a gap (clocks set forward)
  /// never.
  enum class Kind : uint8_t { unique, fold, gap };
  struct Instants {
    Kind kind;
    UnixTime earlier;  ///< unique: the instant. Fold: the first of the two. Gap: read with the offset after
                       ///< the gap.
    UnixTime later;    ///< unique: the same. Fold: the second. Gap: read with the offset before it.
  };
  Instants instants(const Civil& local) const;
  /// The instant of a local time: in a fold the first of the two, in a gap as far after the gap's begin as
  /// the text says (02:30 on the night that jumps from 02:00 to 03:00 is 03:30, as RFC 5545 reads it).
  UnixTime to_utc(const Civil& local) const;
  /// The instant of a parsed text; one without an offset is local here.
  UnixTime to_utc(const IsoTime& t) const;

  /// "2019-07-15T14:00:00-07:00".
  std::string format(UnixTime t) const;

 private:
  struct Rules;
  explicit Timezone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const Rules> rules_;
};

}  // namespace looptwin
