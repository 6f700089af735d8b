#include <fmt/format.h>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <set>

#include "base/text.h"
#include "testbed/attribution.h"
#include "testbed/command_set.h"
#include "testbed/commands.h"
#include "testbed/registry_candidates.h"
#include "testbed/registry_files.h"

namespace looptwin::testbed {
namespace {

using twin::DeviceRecord;
using twin::RegistryStore;
using Access = RegistryStore::Access;

/// What the sub-commands' options are read into.
struct Options {
  std::filesystem::path file;
  std::string id;
  std::vector<std::string> ids, settings, tags, states;
  std::string by;
  std::optional<uint64_t> version;
  std::string hash;
  bool secret_given = false, no_secret = false;
  DeviceRecord device;
  twin::DeviceFilter filter;
  std::string format;
  std::optional<std::filesystem::path> target;
  ImportRequest import;
  CandidatesRequest candidates;
};

/// Prints what a command gives, or why it does not.
template <typename T>
Exit finish(const Result<T>& result) {
  return result ? Exit::held : refuse(result.error());
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

twin::Author author(const Options& options) { return author_of(options.by); }

/// Which devices are meant.
twin::DeviceFilter filter_of(const Options& options) {
  auto filter = options.filter;
  for (const auto& state : options.states) filter.states.push_back(*twin::device_state(state));
  return filter;
}

std::vector<std::string> split(const std::string& text, char sign) {
  std::vector<std::string> parts;
  for (size_t from = 0; from < text.size();) {
    const size_t to = std::min(text.find(sign, from), text.size());
    if (to > from) parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

/// `parameters.UA=190 W/K`, `tags=north;pilot`; an empty value removes.
Result<void> apply(const std::string& setting, DeviceRecord& device) {
  const auto equals = setting.find('=');
  const auto key = setting.substr(0, equals);
  if (equals == std::string::npos || key.empty())
    return failure(fmt::format("'{}' is not key=value", setting), "write parameters.UA=\"190 W/K\"");
  const auto value = setting.substr(equals + 1);
  const auto put = [&](auto& values, const std::string& name) {
    if (value.empty())
      values.erase(name);
    else
      values[name] = value;
  };
  if (key.starts_with("parameters."))
    put(device.parameters, key.substr(11));
  else if (key.starts_with("relations."))
    put(device.relations, key.substr(10));
  else if (key == "link")
    device.link = value;
  else if (key == "tags")
    device.tags = split(value, ';');
  else
    return failure(
        fmt::format("a device has no '{}' to set", key),
        "link, tags, parameters.NAME and relations.NAME can be set; its state by activate, suspend, retire");
  std::ranges::sort(device.tags);
  device.tags.erase(std::unique(device.tags.begin(), device.tags.end()), device.tags.end());
  return {};
}

/// All of them; each key once.
Result<void> apply_all(const std::vector<std::string>& settings, DeviceRecord& device) {
  std::set<std::string> keys;
  for (const auto& setting : settings) {
    if (auto good = apply(setting, device); !good) return good;
    const auto key = setting.substr(0, setting.find('='));
    if (!keys.insert(key).second)
      return failure(fmt::format("'{}' is set twice", key),
                     key == "tags" ? "write all tags at once, with semicolons between: tags='north;pilot'"
                                   : "write it once");
  }
  return {};
}

/// The secret from the first line of standard input: on the command line others would see it.
std::string read_secret() {
  std::string secret;
  std::getline(std::cin, secret);
  if (secret.ends_with('\r')) secret.pop_back();
  return secret;
}

/// The secret that is given, or a generated one.
twin::Secret secret_of(const Options& options) {
  const auto kind = twin::credential_kind(options.hash);
  if (options.secret_given) return {kind.value_or(twin::CredentialKind::argon2id), read_secret()};
  return {kind.value_or(twin::CredentialKind::keyed), twin::generate_secret()};
}

void show_once(const Options& options, const std::string& id, const twin::Secret& secret) {
  if (!options.secret_given) print(fmt::format("secret of {}, shown this once: {}\n", id, secret.text));
}

Exit init(const Options& options) {
  const auto made = RegistryStore::create(options.file);
  if (made) print(fmt::format("{} is a registry without devices\n", options.file.string()));
  return finish(made);
}

Exit add(Options& options) {
  auto store = RegistryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  if (auto good = apply_all(options.settings, options.device); !good) return refuse(good.error());
  const auto secret = options.no_secret ? std::nullopt : std::optional(secret_of(options));
  auto edit = store->edit(author(options));
  if (!edit) return refuse(edit.error());
  if (auto done = edit->add(options.device, secret); !done) return refuse(done.error());
  if (auto done = edit->commit(); !done) return refuse(done.error());
  print(fmt::format("{} is provisioned\n", options.device.id));
  if (secret) show_once(options, options.device.id, *secret);
  return Exit::held;
}

/// All is read before anything is printed: while a pager stood still, nobody could write to the registry.
Exit list(const Options& options) {
  const auto store = RegistryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  std::string text;
  Result<void> listed;
  if (options.format == "text") {
    text = fmt::format("{:<28} {:<16} {:<12} {:>7} {:<10} {:<10} {}\n", "id", "model", "state", "version",
                       "credential", "link", "tags");
    uint64_t count = 0;
    listed = store->each(filter_of(options), [&](const DeviceRecord& d) {
      ++count;
      text += fmt::format("{:<28} {:<16} {:<12} {:>7} {:<10} {:<10} {}\n", d.id, d.model, name_of(d.state),
                          d.version, d.credential.empty() ? "-" : d.credential, d.link.empty() ? "-" : d.link,
                          d.tags.empty() ? "-" : joined(d.tags, ";"));
      return true;
    });
    text += fmt::format("{} devices\n", grouped(static_cast<long long>(count)));
  } else {
    listed = write_devices(*store, filter_of(options),
                           options.format == "json" ? FileFormat::json : FileFormat::csv,
                           [&](std::string_view part) { text += part; });
  }
  if (listed) print(text);
  return finish(listed);
}

Exit unknown(const Options& options) {
  return refuse(
      failure(fmt::format("there is no device '{}' in {}", options.id, options.file.string())).value());
}

Exit show(const Options& options) {
  const auto store = RegistryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  const auto found = store->find(options.id);
  if (!found) return refuse(found.error());
  if (!*found) return unknown(options);
  const auto& d = **found;
  const auto line = [](std::string_view key, std::string_view value) {
    if (!value.empty()) print(fmt::format("{:<24} {}\n", key, value));
  };
  line("id", d.id);
  line("model", d.model);
  line("state", name_of(d.state));
  line("version", std::to_string(d.version));
  line("link", d.link);
  line("tags", joined(d.tags, ";"));
  for (const auto& [name, value] : d.parameters) line("parameters." + name, value);
  for (const auto& [name, value] : d.relations) line("relations." + name, value);
  line("credential", d.credential.empty() ? "none" : d.credential);
  return Exit::held;
}

Exit set(const Options& options) {
  auto store = RegistryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  auto edit = store->edit(author(options));
  if (!edit) return refuse(edit.error());
  auto found = edit->find(options.id);
  if (!found) return refuse(found.error());
  if (!*found) return unknown(options);
  if (auto good = apply_all(options.settings, **found); !good) return refuse(good.error());
  const auto version = edit->update(**found, options.version);
  if (!version) return refuse(version.error());
  if (auto done = edit->commit(); !done) return refuse(done.error());
  print(fmt::format("{} has version {}\n", options.id, *version));
  return Exit::held;
}

/// All devices that are named, or match a pattern, become something together, or none does.
Exit become(const Options& options, twin::DeviceState state) {
  auto store = RegistryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  std::vector<std::string> ids;
  for (const auto& id : options.ids) {
    const size_t before = ids.size();
    if (id.find_first_of("*?") == std::string::npos) {
      ids.push_back(id);
    } else if (auto seen = store->each({.pattern = id},
                                       [&](const DeviceRecord& d) {
                                         // Those that are there already are not meant by a pattern.
                                         if (d.state != state && d.state != twin::DeviceState::retired)
                                           ids.push_back(d.id);
                                         return true;
                                       });
               !seen) {
      return refuse(seen.error());
    }
    if (ids.size() == before)
      return refuse(
          failure(fmt::format("no device that could become {} matches '{}'", name_of(state), id)).value());
  }
  auto edit = store->edit(author(options));
  if (!edit) return refuse(edit.error());
  for (const auto& id : std::set(ids.begin(), ids.end()))
    if (const auto done = edit->become(id, state, options.version); !done) return refuse(done.error());
  if (auto done = edit->commit(); !done) return refuse(done.error());
  for (const auto& id : std::set(ids.begin(), ids.end()))
    print(fmt::format("{} is {}\n", id, name_of(state)));
  return Exit::held;
}

Exit renew(const Options& options) {
  auto store = RegistryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  const auto secret = secret_of(options);
  auto edit = store->edit(author(options));
  if (!edit) return refuse(edit.error());
  if (auto done = edit->set_secret(options.id, secret); !done) return refuse(done.error());
  if (auto done = edit->commit(); !done) return refuse(done.error());
  show_once(options, options.id, secret);
  return Exit::held;
}

Exit verify(const Options& options) {
  const auto store = RegistryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  const auto answer = store->authenticate(options.id, read_secret());
  if (!answer) return refuse(answer.error());
  using enum twin::Authenticated;
  const auto said = [&]() -> std::string_view {
    switch (*answer) {
      case yes:
        return "may connect";
      case unknown_device:
        return "is not registered";
      case no_credential:
        return "has no credential";
      case wrong_secret:
        return "has another secret";
      case suspended:
        return "is suspended";
      case retired:
        return "is retired";
    }
    return "";
  }();
  print(fmt::format("{} {}\n", options.id, said));
  return *answer == yes ? Exit::held : Exit::failed;
}

Exit history(const Options& options) {
  const auto store = RegistryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  const auto changes = store->history(options.id);
  if (!changes) return refuse(changes.error());
  if (changes->empty()) return unknown(options);
  print(history_text(*changes));
  return Exit::held;
}

Exit import(const Options& options) {
  auto store = RegistryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  const auto counts = import_devices(*store, author(options), options.import);
  if (!counts) {
    std::fputs(render(counts.error()).c_str(), stderr);
    std::fputs("nothing was imported\n", stderr);
    return Exit::bad_input;
  }
  const auto number = [](uint64_t n) { return grouped(static_cast<long long>(n)); };
  print(fmt::format("{} added, {} changed, {} as they were\n", number(counts->added), number(counts->changed),
                    number(counts->unchanged)));
  if (options.import.secrets)
    print(fmt::format("{} secrets in {}\n", number(counts->secrets), options.import.secrets->string()));
  return Exit::held;
}

Exit export_all(const Options& options) {
  const auto store = RegistryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  return finish(export_devices(*store, filter_of(options), *options.target));
}

Exit check_file(const Options& options) {
  const auto store = RegistryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  if (const auto checked = store->check(); !checked) return refuse(checked.error());
  const auto devices = store->devices();
  if (devices)
    print(fmt::format("{} is sound: {} devices\n", options.file.string(),
                      grouped(static_cast<long long>(*devices))));
  return finish(devices);
}

class Commands : CommandSet<Options> {
 public:
  explicit Commands(ArgumentParser& parser)
      : CommandSet(parser.subcommand("registry", "keeps devices in a database file"), "the registry") {}
  void declare() {
    add_single();
    add_lives();
    add_many();
    add_candidates();
  }

 private:
  static void with_secret(const Command& c) {
    c.flag("--secret-stdin", c.options.secret_given, "take the secret from standard input");
    c.option("--hash", c.options.hash, "how the secret is kept").one_of({"keyed", "argon2id"});
  }
  static void filtered(const Command& c) {
    c.option("--model", c.options.filter.model, "only of this model");
    c.option("--id", c.options.filter.pattern, "only ids like this: 'block-1/*'");
    c.option("--tag", c.options.filter.tag, "only with this tag");
    c.option("--state", c.options.states, "only in these states")
        .separated_by(',')
        .one_of({"provisioned", "active", "suspended", "retired"});
  }

  void add_single() {
    command("init", "makes an empty registry", init);
    const auto added = command("add", "adds a device, and shows its secret once", add);
    added.option("ID", added.options.device.id, "of the new device").required();
    added.option("--model", added.options.device.model, "its device model").required();
    added.key_values("--set", added.options.settings,
                     "parameters.UA='190 W/K', relations.block=block-1, link=lte");
    added.flag("--no-secret", added.options.no_secret, "it cannot authenticate until it gets one");
    with_secret(added);
    attributed(added);
    with_id(command("show", "shows all of a device", show));
    with_id(command("history", "shows who changed what of a device, and when", history));
    const auto changed = command("set", "changes values of a device", set);
    with_id(changed);
    changed
        .key_values("SETTINGS", changed.options.settings, "parameters.UA='200 W/K'; an empty value removes")
        .required();
    with_version(changed);
    attributed(changed);
    const auto renewed = command("renew", "gives a device a new secret, and shows it once", renew);
    with_id(renewed);
    with_secret(renewed);
    attributed(renewed);
    with_id(command("verify", "says whether a device may connect with the secret on standard input", verify));
  }

  void add_lives() {
    const auto life = [&](const std::string& name, const std::string& about, twin::DeviceState state) {
      const auto made =
          command(name, about, [state](const Options& options) { return become(options, state); });
      made.option("IDS", made.options.ids, "of devices, or patterns: 'block-1/*'").required();
      with_version(made);
      attributed(made);
      return made;
    };
    life("activate", "lets provisioned or suspended devices work", twin::DeviceState::active);
    life("suspend", "locks devices out, until they are activated again", twin::DeviceState::suspended);
    life("retire", "locks devices out for good; their ids are not used again", twin::DeviceState::retired)
        .alias("revoke");
  }

  void add_candidates() {
    const auto made =
        command("candidates", "lists devices that announce themselves at a broker and are not registered",
                [](Options& options) {
                  options.candidates.registry = options.file;
                  return list_candidates(options.candidates);
                });
    made.option("--broker", made.options.candidates.broker, "mqtt://HOST:PORT or mqtts://HOST:PORT");
    made.option("--rig", made.options.candidates.rig,
                "a rig whose broker it is, with its user, password and certificates");
    made.option("--within", made.options.candidates.within, "how long to listen (default: 2 s)");
    made.option("--prefix", made.options.candidates.prefix,
                "what announcements begin with (default: homeassistant)");
  }

  void add_many() {
    const auto listed = command("list", "lists devices", list);
    filtered(listed);
    formatted(listed, {"text", "json", "csv"});
    const auto imported = command("import", "takes all devices of a .json or .csv file, or none", import);
    imported.option("FROM", imported.options.import.file, "the file").required();
    imported.flag("--update", imported.options.import.update, "devices that are there get the file's values");
    imported.option("--secrets", imported.options.import.secrets,
                    "generate secrets for new devices, and write them to this new file");
    attributed(imported);
    const auto exported =
        command("export", "writes devices to a .json or .csv file, without credentials", export_all);
    exported.option("TO", exported.options.target, "the file; must not exist").required();
    filtered(exported);
    command("check", "reads all of the file, and says whether it is sound", check_file);
  }
};

}  // namespace

void add_registry_command(ArgumentParser& parser) { Commands(parser).declare(); }

}  // namespace looptwin::testbed
