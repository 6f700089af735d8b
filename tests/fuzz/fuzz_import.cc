// Documents of DTDL and Thing Descriptions, hostile ones among them: refused with a reason, or made into
// models whose text YAML reads as just these models.
#include <algorithm>
#include <cstdlib>

#include "testbed/import/imported.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr std::string_view kKeys[] = {"unit", "enum", "boolean", "range", "every", "resolution", "default"};

/// How many there are, of which each says nothing but what quantities and commands say.
size_t entries_of(const yaml::Node& model, const char* key) {
  const auto* found = model.find(key);
  if (found == nullptr) return 0;
  for (const auto& entry : found->entries) {
    check(entry.value.map());
    for (const auto& said : entry.value.entries) {
      check(std::find(std::begin(kKeys), std::end(kKeys), said.key) != std::end(kKeys));
      check(said.key == "range" ? said.value.items.size() == 2 : said.value.list() == (said.key == "enum"));
    }
  }
  return found->entries.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto models = read_models(std::make_shared<const Source>(Source{"fuzz.json", text}), {});
  if (!models) {
    check(!models.error().empty());
    render(models.error());
    return 0;
  }
  const auto written = models_text(*models, "fuzz.json", seconds(10));
  Diagnostics problems;
  const auto read = yaml::parse(std::make_shared<const Source>(Source{"models.yaml", written}), problems);
  check(problems.empty() && read.complete);
  const auto* all = read.root.find("models");
  check(read.root.entries.size() == 1 && all != nullptr && all->entries.size() == models->size());
  for (size_t m = 0; m < models->size(); ++m) {
    const auto& [name, span, model] = all->entries[m];
    check(name == (*models)[m].name);
    check(entries_of(model, "telemetry") == (*models)[m].fields.size());
    check(entries_of(model, "setpoints") == (*models)[m].setpoints.size());
    check(entries_of(model, "commands") == (*models)[m].commands.size());
  }
  return 0;
}
