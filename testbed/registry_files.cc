#include "testbed/registry_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/reading/keys.h"
#include "testbed/reading/values.h"

namespace looptwin::testbed {
namespace {

using twin::DeviceRecord;

/// A device as a file has it: what it says, and what it does not.
struct DeviceDraft {
  struct Value {
    std::string text;
    Span span;
  };
  std::string id, model;
  Span id_span, tags_span, secret_span, hash_span;
  std::optional<twin::DeviceState> state;
  std::optional<std::string> link, secret;
  std::optional<std::vector<std::string>> tags;
  std::optional<twin::CredentialKind> hash;
  std::map<std::string, Value> parameters, relations;
};

const Section<DeviceDraft>& device_section() {
  using T = DeviceDraft;
  const auto texts_by_name = [](std::string name, auto member, std::string about) {
    return Key<T>{{.name = std::move(name), .form = Form::other, .about = std::move(about)},
                  [member](Reader& reader, const yaml::Entry& entry, T& out) {
                    static const SectionInfo kOwner{"a map of names", {}, {}, {}};
                    if (!expect_map(reader, kOwner, entry.value, entry.key_span)) return;
                    for (const auto& item : entry.value.entries) {
                      if (!check_name(reader, item.key, item.key_span)) continue;
                      if (!scalar(reader, item.value, "a value")) continue;
                      (out.*member)[item.key] = {item.value.text, item.value.span};
                    }
                  }};
  };
  std::vector<std::pair<std::string, twin::DeviceState>> states;
  for (const auto state : twin::kDeviceStates) states.emplace_back(state, *twin::device_state(state));
  static const Section<T> kSection(
      "a device", "device",
      {with_span(required<T>("id", text(), &T::id, "of the device, never used again"), &T::id_span),
       required<T>("model", name(), &T::model, "a device model of the scenarios"),
       optional<T>("state", word<twin::DeviceState>(states), &T::state, "provisioned",
                   "where it stands in its life"),
       optional<T>("link", name(), &T::link, "none", "a link of the scenarios"),
       with_span(optional<T>("tags", texts(), &T::tags, "none", "to choose by"), &T::tags_span),
       texts_by_name("parameters", &T::parameters, "values as a scenario writes them"),
       texts_by_name("relations", &T::relations, "ids of other devices"),
       with_span(optional<T>("secret", text(), &T::secret, "none", "what it authenticates with"),
                 &T::secret_span),
       with_span(
           optional<T>("hash",
                       word<twin::CredentialKind>({{"keyed", twin::CredentialKind::keyed},
                                                   {"argon2id", twin::CredentialKind::argon2id}}),
                       &T::hash, "argon2id of a secret in the file, else keyed", "how the secret is kept"),
           &T::hash_span)});
  return kSection;
}

/// Puts what the file says over what the device has.
DeviceRecord applied(const DeviceDraft& draft, DeviceRecord device) {
  device.id = draft.id;
  device.model = draft.model;
  if (draft.state) device.state = *draft.state;
  if (draft.link) device.link = *draft.link;
  if (draft.tags) {
    const std::set<std::string> tags(draft.tags->begin(), draft.tags->end());
    device.tags.assign(tags.begin(), tags.end());
  }
  for (const auto& [name, value] : draft.parameters) device.parameters[name] = value.text;
  for (const auto& [name, value] : draft.relations) device.relations[name] = value.text;
  return device;
}

/// The file that generated secrets are shown in, once. Until it is kept it has another name.
class SecretsFile {
 public:
  Result<void> open(const std::filesystem::path& path) {
    path_ = path;
    made_ = path.string() + ".part";
    file_ = ::open(made_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    // What a killed import left may be the only copy of secrets.
    if (file_ < 0 && errno == EEXIST)
      return failure(
          fmt::format("{} exists: another import is writing it, or was killed", made_.string()),
          "where its devices are in the registry it holds their secrets: rename it; else remove it");
    if (file_ < 0)
      return failure(fmt::format("{} cannot be written: {}", made_.string(), std::strerror(errno)));
    std::error_code failed;
    if (std::filesystem::exists(path_, failed))
      return failure(fmt::format("{} exists", path_.string()), "secrets are written to a new file only");
    text_ = "id,secret\n";
    return {};
  }
  ~SecretsFile() {
    if (file_ >= 0) ::close(file_);
    std::error_code failed;
    if (file_ >= 0 && !kept_) std::filesystem::remove(made_, failed);
  }

  void add(const std::string& id, const std::string& secret) { text_ += id + "," + secret + "\n"; }

  /// On the disk before the devices are: a device with a secret that nobody knows would be lost.
  Result<void> write() {
    if (file_ < 0) return {};
    for (size_t at = 0; at < text_.size();) {
      const auto written = ::write(file_, text_.data() + at, text_.size() - at);
      if (written <= 0) return failure(fmt::format("{} cannot be written", made_.string()));
      at += static_cast<size_t>(written);
    }
    if (::fsync(file_) != 0) return failure(fmt::format("{} cannot be written", made_.string()));
    return {};
  }
  Result<void> keep() {
    if (file_ < 0) return {};
    kept_ = true;
    std::error_code failed;
    std::filesystem::rename(made_, path_, failed);
    if (failed) return failure(fmt::format("the devices are in; their secrets stayed in {}", made_.string()));
    return {};
  }

 private:
  std::filesystem::path path_, made_;
  std::string text_;
  int file_ = -1;
  bool kept_ = false;
};

class Importer {
 public:
  Importer(twin::RegistryStore::Edit& edit, const ImportRequest& request, SecretsFile& secrets)
      : edit_(edit), request_(request), secrets_(secrets) {}

  Diagnostics& problems() { return problems_; }
  const ImportCounts& counts() const { return counts_; }

  void take(const yaml::Node& node) {
    static const lang::Units kUnits;
    Reader reader{kUnits, problems_};
    DeviceDraft draft;
    const size_t before = problems_.size();
    device_section().read(reader, node, node.span, draft);
    if (problems_.size() != before) return forget_repeated(problems_, before);
    const auto [other, fresh] = ids_.emplace(draft.id, draft.id_span);
    if (fresh) return put(draft);
    problems_.push_back({Severity::error, draft.id_span, fmt::format("'{}' is in the file twice", draft.id),
                         fmt::format("the other one is in line {}",
                                     line_column(*other->second.source, other->second.begin).line)});
  }

  /// Relations may lead to devices that come later in the file.
  void check_relations() {
    for (const auto& [target, span] : targets_) {
      if (problems_.size() >= kMostProblems) return;
      const auto found = edit_.find(target);
      if (!found)
        place(span, found.error());
      else if (!*found)
        problems_.push_back({Severity::error, span, fmt::format("'{}' is no device", target),
                             "it may stand anywhere in the file, or be in the registry"});
      else if ((*found)->state == twin::DeviceState::retired)
        problems_.push_back({Severity::error, span, fmt::format("'{}' is retired", target)});
    }
    if (!problems_.empty()) return;
    // Those that the file does not say: of devices that are there.
    const auto conflicts = edit_.conflicts();
    if (!conflicts) return place({}, conflicts.error());
    for (const auto& conflict : *conflicts)
      if (problems_.size() < kMostProblems) place(ids_.at(conflict.device), {conflict.why});
  }

 private:
  /// What the store says has no place; the file's gives it one.
  void place(const Span& span, Diagnostics said) {
    for (auto& problem : said) {
      problem.span = span;
      problems_.push_back(std::move(problem));
    }
  }

  /// Values that no device can have are told at their places.
  bool can_be_kept(const DeviceDraft& draft) {
    const size_t before = problems_.size();
    const DeviceRecord bare{.id = draft.id, .model = draft.model};
    const auto check = [&](const DeviceRecord& device, const Span& span) {
      if (auto good = twin::check_device(device); !good) place(span, std::move(good.error()));
    };
    const auto check_each = [&](const auto& values, auto member) {
      for (const auto& [name, value] : values) {
        DeviceRecord device = bare;
        (device.*member)[name] = value.text;
        check(device, value.span);
      }
    };
    check(bare, draft.id_span);
    if (problems_.size() != before) return false;
    if (draft.tags) {
      DeviceRecord device = bare;
      device.tags = *draft.tags;
      check(device, draft.tags_span);
    }
    check_each(draft.parameters, &DeviceRecord::parameters);
    check_each(draft.relations, &DeviceRecord::relations);
    return problems_.size() == before;
  }

  void put(const DeviceDraft& draft) {
    if (!can_be_kept(draft)) return;
    auto found = edit_.find(draft.id);
    if (!found) return place(draft.id_span, std::move(found.error()));
    const auto there = std::move(*found);
    if (there && !request_.update && there->state != twin::DeviceState::retired)
      return problems_.push_back({Severity::error, draft.id_span,
                                  fmt::format("'{}' is in the registry already", draft.id),
                                  "--update gives devices that are there the file's values"});
    const auto device = applied(draft, there.value_or(DeviceRecord{}));
    if (device.state != twin::DeviceState::retired)
      for (const auto& [name, target] : draft.relations) targets_.emplace(target.text, target.span);
    if (!there || !request_.update) return add(draft, device);
    if (draft.secret || draft.hash)
      return problems_.push_back(
          {Severity::error, draft.id_span,
           fmt::format("'{}' is there, and its secret is not changed by an import", draft.id),
           "looptwin registry renew gives it a new one"});
    const auto version = edit_.update(device);
    if (!version) return place(draft.id_span, version.error());
    ++(*version == there->version ? counts_.unchanged : counts_.changed);
  }

  void add(const DeviceDraft& draft, const DeviceRecord& device) {
    const bool retired = device.state == twin::DeviceState::retired;
    std::optional<twin::Secret> secret;
    if (draft.secret)
      secret = {draft.hash.value_or(twin::CredentialKind::argon2id), *draft.secret};
    else if (request_.secrets && !retired)
      secret = {draft.hash.value_or(twin::CredentialKind::keyed), twin::generate_secret()};
    if (draft.hash && !secret)
      return problems_.push_back(
          {Severity::error, draft.hash_span,
           fmt::format("'{}' has no secret to be kept as '{}'", draft.id, name_of(*draft.hash)),
           retired ? "it is retired: leave out its hash"
                   : "--secrets FILE generates one; else leave out its hash"});
    if (const auto added = edit_.add(device, secret); !added)
      return place(draft.secret ? draft.secret_span : draft.id_span, added.error());
    ++counts_.added;
    if (draft.secret || !secret) return;
    secrets_.add(draft.id, secret->text);
    ++counts_.secrets;
  }

  twin::RegistryStore::Edit& edit_;
  const ImportRequest& request_;
  SecretsFile& secrets_;
  Diagnostics problems_;
  ImportCounts counts_;
  std::map<std::string, Span> targets_, ids_;
};

std::string json_line(const DeviceRecord& device) {
  OrderedJson line{{"id", device.id}, {"model", device.model}, {"state", name_of(device.state)}};
  if (!device.link.empty()) line["link"] = device.link;
  if (!device.tags.empty()) line["tags"] = device.tags;
  if (!device.parameters.empty()) line["parameters"] = device.parameters;
  if (!device.relations.empty()) line["relations"] = device.relations;
  return dump_json(line);
}

Result<void> write_csv(const twin::RegistryStore& store, const twin::DeviceFilter& filter,
                       const std::function<void(std::string_view)>& write) {
  std::set<std::string> parameters, relations;
  auto seen = store.each(filter, [&](const DeviceRecord& device) {
    for (const auto& [name, value] : device.parameters) parameters.insert(name);
    for (const auto& [name, value] : device.relations) relations.insert(name);
    return true;
  });
  if (!seen) return seen;
  std::string line = "id,model,state,link,tags";
  for (const auto& name : parameters) line += ",parameters." + name;
  for (const auto& name : relations) line += ",relations." + name;
  write(line + "\n");
  return store.each(filter, [&](const DeviceRecord& device) {
    line.clear();
    const auto cell = [&](const std::string& text) {
      if (!line.empty()) line += ',';
      append_cell(text, line);
    };
    const auto cell_of = [&](const auto& values, const std::string& name) {
      const auto found = values.find(name);
      cell(found == values.end() ? "" : found->second);
    };
    for (const auto& text :
         {device.id, device.model, std::string(name_of(device.state)), device.link, joined(device.tags, ";")})
      cell(text);
    for (const auto& name : parameters) cell_of(device.parameters, name);
    for (const auto& name : relations) cell_of(device.relations, name);
    write(line += '\n');
    return true;
  });
}

}  // namespace

Result<ImportCounts> import_devices(twin::RegistryStore& store, const twin::Author& author,
                                    const ImportRequest& request) {
  SecretsFile secrets;
  if (request.secrets)
    if (auto opened = secrets.open(*request.secrets); !opened) return tl::make_unexpected(opened.error());
  auto edit = store.edit(author);
  if (!edit) return tl::make_unexpected(edit.error());

  Importer importer(*edit, request, secrets);
  if (auto read = read_records(request.file, {"tags"}, importer.problems(),
                               [&](const yaml::Node& node) { importer.take(node); });
      !read)
    return tl::make_unexpected(std::move(read.error()));
  if (importer.problems().empty()) importer.check_relations();
  if (!importer.problems().empty()) return tl::make_unexpected(std::move(importer.problems()));
  if (auto written = secrets.write(); !written) return tl::make_unexpected(written.error());
  if (auto done = edit->commit(); !done) return tl::make_unexpected(done.error());
  if (auto kept = secrets.keep(); !kept) return tl::make_unexpected(kept.error());
  return importer.counts();
}

Result<void> write_devices(const twin::RegistryStore& store, const twin::DeviceFilter& filter,
                           FileFormat format, const std::function<void(std::string_view)>& write) {
  if (format == FileFormat::csv) return write_csv(store, filter, write);
  bool first = true;
  auto written = store.each(filter, [&](const DeviceRecord& device) {
    write((first ? "[\n  " : ",\n  ") + json_line(device));
    first = false;
    return true;
  });
  if (written) write(first ? "[]\n" : "\n]\n");
  return written;
}

Result<void> export_devices(const twin::RegistryStore& store, const twin::DeviceFilter& filter,
                            const std::filesystem::path& file) {
  const auto format = format_of(file);
  if (!format) return tl::make_unexpected(format.error());
  return write_new_file(file, [&](const auto& out) { return write_devices(store, filter, *format, out); });
}

}  // namespace looptwin::testbed
