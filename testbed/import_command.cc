#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "testbed/commands.h"
#include "testbed/import/imported.h"
#include "testbed/options.h"

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

void add_import_command(ArgumentParser& parser) {
  auto asked = std::make_shared<ImportOptions>();
  const auto command =
      parser.subcommand("import", "device models of DTDL or a Thing Description, as models.yaml");
  command.option("FILE", asked->file, "JSON: an interface or a list of them, or a Thing Description")
      .required();
  command.option("--out", asked->out, "the file to write (default: it is printed)");
  command.option("--every", asked->every, "the period of all fields (default: 10 s)");
  command.option("--unit", asked->units, "a unit of theirs that is not known").value_name("THEIRS=OURS");
  command.job([asked] { return import(*asked); });
}

}  // namespace looptwin::testbed
