// What each kernel of the VM does to one row, as its comment says it.
#pragma once

#include "lang/kernels.h"

namespace looptwin::lang::test {

/// Operands that a kernel does not take are not looked at.
double defined(Kernel kernel, double a, double b, double c, double d);

}  // namespace looptwin::lang::test
