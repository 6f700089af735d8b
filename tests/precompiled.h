// What nearly every test includes, compiled once for all test programs.
#pragma once

#include <catch2/catch.hpp>

#include "base/precompiled.h"
