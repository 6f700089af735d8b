#include "testbed/import_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <sstream>

#include "testbed/import/imported.h"

namespace looptwin::testbed {
namespace {

struct ImportOptions {
  std::filesystem::path file;
  std::string out, every = "10 s";
  std::vector<std::string> units;
};

Exit import(const ImportOptions& options) {
  std::ifstream in(options.file, std::ios::binary);
  if (!in)
    return refuse({{Severity::error,
                    {},
                    fmt::format("cannot read {}", options.file.string()),
                    "look whether it is there"}});
  std::ostringstream text;
  text << in.rdbuf();
  const lang::Units units;
  const auto period = std::make_shared<const Source>(Source{"--every", options.every});
  const auto every = units.duration({period, 0, static_cast<uint32_t>(options.every.size())});
  if (!every) return refuse(every.error());
  UnitNames names;
  for (const auto& unit : options.units) {
    const auto equals = unit.rfind('=');
    if (equals == std::string::npos)
      return refuse({{Severity::error,
                      {},
                      fmt::format("'{}' names no unit of ours", unit),
                      "write --unit furlong=km"}});
    names.emplace_back(unit.substr(0, equals), unit.substr(equals + 1));
  }
  const auto source = std::make_shared<const Source>(Source{options.file.string(), text.str()});
  const auto models = read_models(source, names);
  if (!models) return refuse(models.error());
  const auto yaml = models_text(*models, options.file.filename().string(), *every);
  if (options.out.empty()) {
    std::fputs(yaml.c_str(), stdout);
    return Exit::held;
  }
  if (std::filesystem::exists(options.out))
    return refuse({{Severity::error,
                    {},
                    fmt::format("{} is there already", options.out),
                    "remove it, or write to another"}});
  std::ofstream out(options.out, std::ios::binary);
  if (!(out << yaml).flush())
    return refuse({{Severity::error,
                    {},
                    fmt::format("cannot write {}", options.out),
                    "look at its folder and its space"}});
  return Exit::held;
}

}  // namespace

std::function<std::optional<Exit>()> add_import_command(CLI::App& app) {
  auto asked = std::make_shared<ImportOptions>();
  auto* command =
      app.add_subcommand("import", "device models of DTDL or a Thing Description, as models.yaml");
  command->add_option("FILE", asked->file, "JSON: an interface or a list of them, or a Thing Description")
      ->required();
  command->add_option("--out", asked->out, "the file to write (default: it is printed)");
  command->add_option("--every", asked->every, "the period of all fields (default: 10 s)");
  command->add_option("--unit", asked->units, "a unit of theirs that is not known")->type_name("THEIRS=OURS");
  return [command, asked]() -> std::optional<Exit> {
    if (!*command) return std::nullopt;
    return import(*asked);
  };
}

}  // namespace looptwin::testbed
