// python: classes that the program around us brings; and functions, which have no other form.
#include <fmt/format.h>

#include "base/text.h"
#include "testbed/reading/sections_python.h"

namespace looptwin::testbed {
namespace {

/// What a class is made with: a number without unit, a quantity in SI, a truth, or any other text.
void read_with(Reader& reader, const yaml::Entry& entry, ClassUse& out) {
  static const SectionInfo kOwner{"'with'", {}, {}, {}};
  if (!expect_map(reader, kOwner, entry.value, entry.key_span)) return;
  for (const auto& item : entry.value.entries) {
    if (!check_name(reader, item.key, item.key_span)) continue;
    const auto* node = scalar(reader, item.value, "a number, a quantity, true, false or a text");
    if (node == nullptr) continue;
    if (!node->quoted && (node->text == "true" || node->text == "false")) {
      out.with[item.key] = node->text == "true";
    } else if (!node->quoted && looks_numeric(*node)) {
      if (const auto read = reader.accept(reader.units.quantity(node->span)))
        out.with[item.key] = read->value;
    } else {
      out.with[item.key] = node->text;
    }
  }
}

}  // namespace

const Section<ClassUse>& python_section() {
  using T = ClassUse;
  static const Section<T> kSection(
      "a Python class", "python",
      {required<T>("class", text(), &T::name,
                   "`module:Class`, of a file beside the scenario or of what Python can import; or a name "
                   "that was registered"),
       Key<T>{{.name = "with",
               .form = Form::other,
               .about = "a map of what it is made with: numbers, quantities (which it gets in SI), `true`, "
                        "`false`, texts",
               .fallback = "nothing"},
              read_with}});
  return kSection;
}

const Section<FunctionDraft>& function_section() {
  using T = FunctionDraft;
  static const Section<T> kSection(
      "a function", "functions",
      {required<T>("each", name(), &T::each, "a model: one value for each of its devices"),
       with_span(required<T>("of", texts(), &T::of,
                             "its arguments: telemetry, setpoints, parameters, inputs of the operator and "
                             "functions above it, of the device"),
                 &T::of_span),
       optional<T>("unit", unit(), &T::unit, "", "of a number; `1` for a ratio. One of unit and boolean"),
       optional<T>("boolean", boolean(), &T::boolean, "false", "`true` for a value that is true or false"),
       python_key<T>("the class of which it is, called with whole columns", true)});
  return kSection;
}

}  // namespace looptwin::testbed
