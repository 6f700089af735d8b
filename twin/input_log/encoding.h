// What is taken in at a boundary, as bytes and back: the inbox of one shard, what was noticed, what people
// did. Numbers are of variable length, columns of messages are differences; docs/formats/input-log.md has the
// bytes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "twin/tables.h"
#include "twin/transport.h"

namespace looptwin::twin {

/// Appends; nothing where the inbox holds nothing. Frames without messages are left out.
void encode(const Inbox& inbox, std::vector<std::byte>& out);
/// Fills an empty inbox, whose frames keep their memory. False where the bytes are none of encode()'s, or
/// have rows outside of the shard.
bool decode(std::span<const std::byte> bytes, const Shard& shard, Inbox& inbox);

void encode(std::span<const OperatorAction> actions, std::vector<std::byte>& out);
/// Appends.
bool decode(std::span<const std::byte> bytes, std::vector<OperatorAction>& actions);

void encode(std::span<const Notice> notices, std::vector<std::byte>& out);
/// Appends.
bool decode(std::span<const std::byte> bytes, std::vector<Notice>& notices);

}  // namespace looptwin::twin
