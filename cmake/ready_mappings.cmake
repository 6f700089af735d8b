# Writes the mappings of hil/mappings into a header, so that the program carries them.
# cmake -DFOLDER=... -DOUT=... -P ready_mappings.cmake
file(GLOB files ${FOLDER}/*.yaml)
list(SORT files)
set(text "// The mappings of hil/mappings, by name.\n#pragma once\n#include <string_view>\n#include <utility>\n\nnamespace looptwin::testbed {\ninline constexpr std::pair<std::string_view, std::string_view> kReadyMappings[] = {\n")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} content)
  string(APPEND text "{\"${name}\", R\"yaml(${content})yaml\"},\n")
endforeach()
string(APPEND text "};\n}  // namespace looptwin::testbed\n")
file(WRITE ${OUT} "${text}")
