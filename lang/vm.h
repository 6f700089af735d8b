// The vector VM: executes a program's instructions, a block of rows at a time.
#pragma once

#include <cstddef>
#include <span>

#include "base/time.h"
#include "lang/program_code.h"

namespace looptwin::lang {

/// Runs rows [first, first + count). `columns` are the bound pointers of code.columns, at row 0. Registers
/// are this thread's own; nothing is allocated once a thread has run its largest program.
void execute(const Code& code, std::span<void* const> columns, const Instant& instant, size_t first,
             size_t count, Time* due);

}  // namespace looptwin::lang
