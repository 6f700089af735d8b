#include "testbed/falsify/shrink.h"

#include <fmt/format.h>
#include <algorithm>
#include <functional>

namespace looptwin::testbed {
namespace {

using Is = SearchVariable::Is;

class Shrinker {
 public:
  Shrinker(const SearchSpace& space, const TrialRequest& request, const Scenario& scenario, size_t runs,
           int jobs)
      : space_(space), request_(request), scenario_(scenario), left_(runs), jobs_(jobs) {}

  Shrunk run(const SearchPoint& found, const TrialResult& result) {
    now_ = {space_.rounded(found), std::vector<bool>(space_.size(), false), {}, result};
    // What one step leaves may be less than what the one before could do without.
    for (size_t before = ~size_t{0}; before != changes_ && left_ > 0;) {
      before = changes_;
      drop_entries();
      restore_values();
      steady_lists();
      short_numbers();
    }
    few_devices();
    short_run();
    return {now_, runs_};
  }

 private:
  using Candidates = std::vector<Violation>;

  /// Takes the first candidate, in their order, that is still violated; how many are looked at together does
  /// not change which.
  bool take_first(const Candidates& candidates) {
    for (size_t begin = 0; begin < candidates.size() && left_ > 0;) {
      const size_t count =
          std::min({candidates.size() - begin, left_, static_cast<size_t>(std::max(1, jobs_))});
      std::vector<std::vector<Setting>> settings;
      for (size_t c = begin; c < begin + count; ++c) settings.push_back(candidates[c].settings(space_));
      const auto results = simulate_all(request_, settings, jobs_);
      if (request_.stopped()) {
        left_ = 0;
        return false;
      }
      for (size_t c = 0; c < count; ++c) {
        --left_, ++runs_;
        if (!results[c].violated) continue;
        now_ = candidates[begin + c];
        now_.result = results[c];
        ++changes_;
        return true;
      }
      begin += count;
    }
    return false;
  }
  void take_while(const std::function<Candidates()>& candidates) {
    while (left_ > 0 && take_first(candidates())) {
    }
  }

  void drop_entries() {
    take_while([&] {
      Candidates out;
      for (size_t e = 0; e < space_.entries().size(); ++e) {
        if (!space_.is_present(now_.point, e)) continue;
        out.push_back(now_);
        out.back().point[space_.entries()[e].presence] = 0;
      }
      return out;
    });
  }

  /// Values that are not what the scenario says, of one path.
  std::vector<size_t> touched(size_t value) const {
    std::vector<size_t> out;
    for (size_t v = 0; v < space_.size(); ++v)
      if (is_value(v) && space_.variables()[v].value == value && !now_.untouched[v]) out.push_back(v);
    return out;
  }
  bool is_value(size_t variable) const { return space_.variables()[variable].is == Is::value; }

  /// Whole lists first, then halves of them, down to single values.
  void restore_values() {
    for (size_t value = 0; value < space_.config().values.size(); ++value)
      for (size_t length = touched(value).size(); length > 0; length /= 2)
        take_while([&] {
          Candidates out;
          const auto all = touched(value);
          for (size_t begin = 0; begin < all.size(); begin += length) {
            out.push_back(now_);
            for (size_t i = begin; i < std::min(all.size(), begin + length); ++i)
              out.back().untouched[all[i]] = true;
          }
          return out;
        });
  }

  /// Elements of lists that are what the one before is.
  void steady_lists() {
    for (size_t v = 1; v < space_.size() && left_ > 0; ++v) {
      const auto& variable = space_.variables()[v];
      if (!is_value(v) || variable.element == 0 || now_.untouched[v] || now_.untouched[v - 1]) continue;
      if (now_.point[v] == now_.point[v - 1]) continue;
      Violation candidate = now_;
      candidate.point[v] = now_.point[v - 1];
      take_first({candidate});
    }
  }

  bool is_written(size_t v) const {
    const auto& variable = space_.variables()[v];
    if (variable.is == Is::value) return !now_.untouched[v];
    return variable.is == Is::part && space_.is_present(now_.point, variable.entry);
  }

  /// Ends of ranges, and few digits; what lies in a range with steps goes down by halves.
  void short_numbers() {
    for (size_t v = 0; v < space_.size() && left_ > 0; ++v) {
      if (!is_written(v)) continue;
      const double at = now_.point[v];
      Candidates out;
      const auto offer = [&](double x) {
        if (space_.text(v, x) == space_.text(v, at)) return;
        out.push_back(now_);
        out.back().point[v] = x;
      };
      const auto& range = space_.variables()[v].range;
      if (!range.choices.empty()) {
        for (size_t c = 0; c < space_.choice(v, at); ++c)
          offer((static_cast<double>(c) + 0.5) / static_cast<double>(range.choices.size()));
      } else {
        offer(0);
        if (range.step > 0) {
          offer(at / 2);
        } else {
          for (int digits = 1; digits < SearchSpace::kDigits; ++digits) {
            if (space_.text(v, at, digits) == space_.text(v, at)) break;
            offer(space_.coarser(v, at, digits));
          }
        }
      }
      take_first(out);
    }
  }

  void few_devices() {
    for (const auto& fleet : scenario_.fleet) {
      if (fleet.count < 2 || !fleet.ids.empty()) continue;
      Candidates out;
      for (uint64_t count = 1; count < fleet.count && count <= 1000; count *= count == 2 ? 5 : 2) {
        // 1, 2, 10, 20, 40 …: few tries find a few devices
        out.push_back(now_);
        out.back().further.push_back({fmt::format("fleet.{}.count", fleet.model), std::to_string(count)});
      }
      take_first(out);
    }
  }

  /// A run that ends when it is decided, on a whole number of cycles.
  void short_run() {
    const Time end = kStart + scenario_.duration;
    if (!(now_.result.ended < end)) return;
    Candidates out;
    const Duration cycle = scenario_.cycle;
    for (const int64_t percent : {100, 110, 150}) {
      const Time until =
          ceil_to(kStart + nanoseconds((now_.result.ended - kStart).ns / 100 * percent), cycle);
      if (!(until < end)) break;
      out.push_back(now_);
      out.back().further.push_back({"duration", fmt::format("{:.12g} s", until.seconds())});
    }
    take_first(out);
  }

  const SearchSpace& space_;
  const TrialRequest& request_;
  const Scenario& scenario_;
  size_t left_;
  int jobs_;
  size_t runs_ = 0, changes_ = 0;
  Violation now_;
};

}  // namespace

std::vector<Setting> Violation::settings(const SearchSpace& space) const {
  auto all = space.settings(point, untouched);
  all.insert(all.end(), further.begin(), further.end());
  return all;
}

Shrunk shrink(const SearchSpace& space, const TrialRequest& request, const Scenario& scenario,
              const SearchPoint& found, const TrialResult& result, size_t runs, int jobs) {
  return Shrinker(space, request, scenario, runs, jobs).run(found, result);
}

}  // namespace looptwin::testbed
