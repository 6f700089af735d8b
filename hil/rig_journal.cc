#include "hil/rig_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/json_tree.h"

namespace looptwin::hil {

RigJournal& RigJournal::operator=(RigJournal&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(fd_, other.fd_);
  std::swap(lost_, other.lost_);
  return *this;
}

RigJournal::~RigJournal() {
  if (fd_ >= 0) ::close(fd_);
}

void RigJournal::write(Time at, std::string_view what, const Details& details) {
  if (file_.empty()) return;
  if (fd_ < 0) fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  OrderedJson json{{"at_s", at.seconds()}, {"what", what}};
  for (const auto& [key, text] : details) json[std::string(key)] = text;
  // One call a line: lines of two processes do not mix. Texts of devices may be no UTF-8.
  const auto line = dump_json(json) + "\n";
  if (fd_ < 0 || ::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ++lost_;
}

}  // namespace looptwin::hil
