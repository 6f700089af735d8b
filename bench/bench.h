// What the benchmarks share: options, processor time, resident memory, and a report that prints a table, or
// with --json one object a line {"name", "value", "unit", "reference", "ratio"}. --quick runs one small
// iteration, for the tests.
#pragma once

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace looptwin::bench {

struct Options {
  bool json = false;
  bool quick = false;
  std::string only;  ///< run what has this in its name; empty for all
};

/// Reads --json, --quick, --only=TEXT; exits with 2 on anything else.
inline Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      options.json = true;
    } else if (std::strcmp(argv[i], "--quick") == 0) {
      options.quick = true;
    } else if (std::strncmp(argv[i], "--only=", 7) == 0) {
      options.only = argv[i] + 7;
    } else {
      std::fprintf(stderr, "%s: unknown option '%s'\n  write: %s [--json] [--quick] [--only=TEXT]\n", argv[0],
                   argv[i], argv[0]);
      std::exit(2);
    }
  }
  return options;
}

/// Processor seconds of the whole process: what others do on the machine does not count, its caches do.
inline double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Processor seconds that work() takes.
template <typename Work>
double time_of(Work&& work) {
  const double start = cpu_seconds();
  work();
  return cpu_seconds() - start;
}

/// The median of `times` runs of measure().
template <typename Measure>
double median_of(int times, Measure&& measure) {
  std::vector<double> values;
  for (int i = 0; i < times; ++i) values.push_back(measure());
  std::nth_element(values.begin(), values.begin() + times / 2, values.end());
  return values[static_cast<size_t>(times / 2)];
}

/// Bytes of this process that are in memory now.
inline double resident_bytes() {
  long pages = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// Lets the optimiser believe that a value is used.
template <typename T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

enum class Better : uint8_t { higher, lower };

class Report {
 public:
  explicit Report(const Options& options) : options_(options) {
    if (!options_.json) std::printf("%-34s %12s %12s %8s  %s\n", "", "value", "reference", "ratio", "unit");
  }

  bool wants(const std::string& name) const { return name.find(options_.only) != std::string::npos; }

  /// One line. The ratio says how many times better than the reference the value is; a reference of 0 means
  /// none.
  void row(const std::string& name, double value, const std::string& unit, double reference = 0,
           Better better = Better::higher) {
    const double ratio = reference == 0             ? 0
                         : better == Better::higher ? value / reference
                                                    : reference / value;
    if (options_.json) {
      std::printf(
          "{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"reference\": %.6g, \"ratio\": %.4g}\n",
          name.c_str(), value, unit.c_str(), reference, ratio);
    } else if (reference == 0) {
      std::printf("%-34s %12.4g %12s %8s  %s\n", name.c_str(), value, "", "", unit.c_str());
    } else {
      std::printf("%-34s %12.4g %12.4g %8.2f  %s\n", name.c_str(), value, reference, ratio, unit.c_str());
    }
    std::fflush(stdout);
  }

 private:
  Options options_;
};

}  // namespace looptwin::bench
