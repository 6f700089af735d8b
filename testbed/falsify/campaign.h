// All that `looptwin falsify` does: a search for each requirement, perhaps repeated with other draws, and
// what was found made small.
#pragma once

#include <functional>

#include "testbed/falsify/shrink.h"

namespace looptwin::testbed {

struct CampaignRequest {
  std::filesystem::path scenario;
  std::vector<Setting> settings;
  std::vector<std::string> requirements;  ///< their names, or patterns of them; none: all
  SearchMethod method = SearchMethod::guided;
  size_t runs = 300;         ///< of a search, at the most
  size_t shrink_runs = 200;  ///< at the most; 0: what was found stays as it is
  size_t repeats = 1;        ///< of each search, with other draws; more than one only measures the searches
  int jobs = 0;              ///< 0: as many as the machine has cores
  const std::atomic<bool>* stop = nullptr;  ///< turns true when the search is to end with what it has
  const Extensions* extensions = nullptr;   ///< null: there are none
  /// Is told of a search after each batch of its runs, from one thread at a time.
  std::function<void(const std::string& requirement, const SearchOutcome& so_far)> progress;
};

/// What became of one requirement.
struct Falsified {
  std::string requirement;
  std::vector<SearchOutcome> searches;  ///< one a repeat
  std::optional<Shrunk> shrunk;         ///< what the first search found

  bool violated() const;
  size_t runs() const;  ///< of all its searches and of the shrinking
};

struct Campaign {
  Scenario scenario;
  SearchSpace space;
  std::vector<Falsified> results;  ///< in the scenario's order
  double seconds = 0;
  bool stopped = false;  ///< before all searches had come to their end
  size_t runs() const;
};

/// That every value of `search:` can be set and every entry be added, at both ends of their ranges.
/// `scenario` is what path and settings make.
Result<void> check_search(const std::filesystem::path& path, const std::vector<Setting>& settings,
                          const Scenario& scenario, const Extensions* extensions = nullptr);

/// `done` is called for each requirement in order, as soon as it and all before it are there; of a search
/// that is stopped for those that it had come to.
Result<Campaign> falsify(const CampaignRequest& request,
                         const std::function<void(const Campaign&, const Falsified&)>& done = {});

}  // namespace looptwin::testbed
