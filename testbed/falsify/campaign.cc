#include "testbed/falsify/campaign.h"

#include <fmt/format.h>
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/random.h"
#include "base/text.h"
#include "testbed/stopwatch.h"

namespace looptwin::testbed {
namespace {

Result<std::vector<std::string>> chosen(const Scenario& scenario, const std::vector<std::string>& asked) {
  std::vector<std::string> all, names;
  for (const auto& requirement : scenario.requirements) all.push_back(requirement.name);
  if (all.empty())
    return failure(fmt::format("{} states no requirements: nothing can be violated", scenario.name),
                   "write requirements: (docs/requirements.md)");
  for (const auto& one : asked)
    if (std::none_of(all.begin(), all.end(), [&](const auto& name) { return glob_match(one, name); }))
      return failure(fmt::format("no requirement is called '{}'", one), "there are: " + joined(all));
  for (const auto& name : all)
    if (asked.empty() ||
        std::any_of(asked.begin(), asked.end(), [&](const auto& p) { return glob_match(p, name); }))
      names.push_back(name);
  return names;
}

/// What is wrong with values and entries, said where the file has them.
Diagnostics in_the_file(Diagnostics problems, const SearchSpace& space,
                        const std::vector<Setting>& settings) {
  std::vector<Span> places;
  for (const auto& variable : space.variables())
    if (variable.is == SearchVariable::Is::value)
      places.push_back(space.config().values[variable.value].range.span);
  for (const auto& entry : space.entries()) places.push_back(space.config().entries[entry.config].span);
  for (auto& problem : problems)
    for (size_t s = 0; s < settings.size() && problem.span.source; ++s)
      if (problem.span.source->name == "--set " + settings[s].path) problem.span = places[s];
  return problems;
}

Result<void> check_space(const std::filesystem::path& path, const std::vector<Setting>& base,
                         const SearchSpace& space, const Extensions* extensions) {
  for (const double end : {0.0, 1.0}) {
    SearchPoint point(space.size(), end);
    for (const auto& entry : space.entries()) point[entry.presence] = 1;
    auto settings = base;
    const auto own = space.settings(point);
    settings.insert(settings.end(), own.begin(), own.end());
    if (auto scenario = load(path, settings, {}, nullptr, extensions); !scenario)
      return tl::make_unexpected(in_the_file(std::move(scenario.error()), space, own));
  }
  return {};
}

struct Task {
  size_t requirement = 0, repeat = 0;
};

/// One search after another, or several at once: whichever keeps more cores busy.
class Runner {
 public:
  Runner(const CampaignRequest& request, Campaign& campaign, int jobs)
      : request_(request), campaign_(campaign), jobs_(jobs) {
    for (size_t r = 0; r < campaign.results.size(); ++r)
      for (size_t i = 0; i < request.repeats; ++i) tasks_.push_back({r, i});
  }

  void run(const std::function<void(const Campaign&, const Falsified&)>& done) {
    const int at_once = std::min(jobs_, static_cast<int>(tasks_.size()));
    left_.assign(campaign_.results.size(), request_.repeats);
    const auto work = [&] {
      for (size_t t = next_++; t < tasks_.size() && !stopped(); t = next_++) {
        one(tasks_[t], std::max(1, jobs_ / at_once));
        const std::scoped_lock lock(telling_);
        --left_[tasks_[t].requirement];
        for (; told_ < left_.size() && left_[told_] == 0; ++told_)
          if (done) done(campaign_, campaign_.results[told_]);
      }
    };
    std::vector<std::thread> others;
    for (int j = 1; j < at_once; ++j) others.emplace_back(work);
    work();
    for (auto& thread : others) thread.join();
  }

 private:
  void one(const Task& task, int jobs) {
    auto& result = campaign_.results[task.requirement];
    const auto stream = random::stream(campaign_.scenario.seed, "falsify");
    SearchRequest search_request{
        {request_.scenario, request_.settings, result.requirement, request_.stop, request_.extensions},
        request_.method,
        campaign_.scenario.cycle,
        random::bits(stream, 0, task.repeat),
        request_.runs,
        jobs,
        {}};
    if (request_.progress)
      search_request.progress = [&](const SearchOutcome& so_far) {
        const std::scoped_lock lock(telling_);
        request_.progress(result.requirement, so_far);
      };
    auto& outcome = result.searches[task.repeat];
    outcome = search(campaign_.space, search_request);
    if (request_.repeats == 1 && outcome.found && request_.shrink_runs > 0)
      result.shrunk = shrink(campaign_.space, search_request.trial, campaign_.scenario, *outcome.found,
                             outcome.result, request_.shrink_runs, jobs);
  }

  bool stopped() const { return request_.stop != nullptr && request_.stop->load(std::memory_order_relaxed); }

  const CampaignRequest& request_;
  Campaign& campaign_;
  int jobs_;
  std::vector<Task> tasks_;
  std::atomic<size_t> next_{0};
  std::mutex telling_;
  std::vector<size_t> left_;  ///< [requirement] searches to come
  size_t told_ = 0;
};

}  // namespace

Result<void> check_search(const std::filesystem::path& path, const std::vector<Setting>& settings,
                          const Scenario& scenario, const Extensions* extensions) {
  if (!scenario.search) return {};
  return check_space(path, settings, SearchSpace(*scenario.search), extensions);
}

bool Falsified::violated() const {
  return std::any_of(searches.begin(), searches.end(), [](const auto& s) { return s.found.has_value(); });
}

size_t Falsified::runs() const {
  size_t runs = shrunk ? shrunk->runs : 0;
  for (const auto& search : searches) runs += search.runs;
  return runs;
}

size_t Campaign::runs() const {
  size_t runs = 0;
  for (const auto& result : results) runs += result.runs();
  return runs;
}

Result<Campaign> falsify(const CampaignRequest& request,
                         const std::function<void(const Campaign&, const Falsified&)>& done) {
  const Stopwatch watch;
  auto scenario = load(request.scenario, request.settings, {}, nullptr, request.extensions);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (!scenario->search || (scenario->search->values.empty() && scenario->search->entries.empty()))
    return failure(fmt::format("{} does not say what may vary", scenario->name),
                   "write search: {values: {…}, faults: […]} (docs/falsification.md)");
  auto names = chosen(*scenario, request.requirements);
  if (!names) return tl::make_unexpected(std::move(names.error()));
  SearchSpace space(*scenario->search);
  if (auto checked = check_space(request.scenario, request.settings, space, request.extensions); !checked)
    return tl::make_unexpected(std::move(checked.error()));
  Campaign campaign{std::move(*scenario), std::move(space), {}, 0, false};
  for (const auto& name : *names)
    campaign.results.push_back({name, std::vector<SearchOutcome>(request.repeats), std::nullopt});
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  Runner(request, campaign, request.jobs > 0 ? request.jobs : static_cast<int>(cores)).run(done);
  campaign.seconds = watch.seconds();
  campaign.stopped = request.stop != nullptr && request.stop->load();
  return campaign;
}

}  // namespace looptwin::testbed
