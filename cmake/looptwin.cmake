# Settings and helpers that every folder's CMakeLists.txt shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

if("${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_DEBUG}" MATCHES "-fsanitize=")
  set(LOOPTWIN_SANITIZED ON)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # Without these ccache keeps nothing that uses a precompiled header; and takes one of which comments have changed for
  # the one before, whose headers GCC then reads a second time.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_COMMENTS=true ${CCACHE})
endif()

# The same bits on every machine: no contraction into FMA, no fast-math. The two -fno options change no value; they let
# comparisons and square roots be vectorised. Nobody replaces a function of ours at load time, so that they may be
# inlined though they are compiled for a shared library (Python's).
add_compile_options(-Wall -Wextra -Wno-missing-field-initializers -ffp-contract=off -fno-math-errno -fno-trapping-math
  -fno-semantic-interposition)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 sees these where there is nothing: in std::string + "literal" (its bug 105651), in optional and expected.
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
    -Wno-maybe-uninitialized)
else()
  add_compile_options(-Wno-unknown-pragmas)  # GCC's, for loops
endif()
set(LOOPTWIN_BASELINE -march=x86-64-v2)
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1")
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

# looptwin_folder(NAME PUBLIC deps... PRIVATE deps...): the library of one folder, from all its .cc files (and those of
# its sub-folders), with its precompiled.h, or base's where it has none. A .simd.cc file is compiled once per vector
# width, see looptwin_vector_sources.
function(looptwin_folder name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(simd ${sources})
  list(FILTER sources EXCLUDE REGEX "\\.simd\\.cc$")
  list(FILTER simd INCLUDE REGEX "\\.simd\\.cc$")
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  if(NOT sources)
    message(WARNING "${name}/ has no sources yet")
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cc "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cc)
  endif()
  add_library(looptwin_${name} STATIC ${sources})
  target_include_directories(looptwin_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(looptwin_${name} PRIVATE ${LOOPTWIN_BASELINE})
  target_link_libraries(looptwin_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/precompiled.h)
    target_precompile_headers(looptwin_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/precompiled.h)
  else()
    target_precompile_headers(looptwin_${name} REUSE_FROM looptwin_base)
  endif()
  if(simd)
    looptwin_vector_sources(looptwin_${name} ${simd})
  endif()
endfunction()

# Compiles each source three times, for x86-64-v2, -v3 (AVX2) and -v4 (AVX-512), with LT_SIMD defined as v2, v3, v4.
# Such a file puts everything into a namespace named by LT_SIMD and includes no header with inline functions of ours or
# of the standard library beyond <cstdint>, <cstddef>, <cstring>: what the linker merges must not carry AVX-512.
function(looptwin_vector_sources target)
  foreach(source ${ARGN})
    get_filename_component(stem ${source} NAME_WE)
    foreach(width v2 v3 v4)
      set(object ${target}_${stem}_${width})
      add_library(${object} OBJECT ${source})
      target_include_directories(${object} PRIVATE ${CMAKE_SOURCE_DIR})
      target_compile_definitions(${object} PRIVATE LT_SIMD=${width})
      target_compile_options(${object} PRIVATE -march=x86-64-${width})
      if(width STREQUAL v4 AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        target_compile_options(${object} PRIVATE -mprefer-vector-width=512)
      endif()
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:${object}>)
    endforeach()
  endforeach()
endfunction()

# looptwin_bench(NAME deps...): build/.../bin/bench_NAME from bench_NAME.cc.
function(looptwin_bench name)
  add_executable(bench_${name} bench_${name}.cc)
  target_compile_options(bench_${name} PRIVATE ${LOOPTWIN_BASELINE})
  target_link_libraries(bench_${name} PRIVATE ${ARGN})
endfunction()

# looptwin_tests(FOLDER deps...): bin/test_FOLDER from all .cc files of this directory, each case a ctest test; precompiled
# headers as above. They run once: a shorter build is worth more. Catch says where an assertion stands; with its
# FAST_COMPILE one that throws ends its case. With LOOPTWIN_TEST_FILES, a pattern, only those of its *_test.cc that fit.
function(looptwin_tests name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(LOOPTWIN_TEST_FILES)
    set(others ${sources})
    list(FILTER others EXCLUDE REGEX "_test\\.cc$")
    list(FILTER sources INCLUDE REGEX "${LOOPTWIN_TEST_FILES}")
    if(NOT sources)
      return()
    endif()
    list(APPEND sources ${others})
  endif()
  add_executable(test_${name} ${sources})
  target_compile_options(test_${name} PRIVATE ${LOOPTWIN_BASELINE} -O1 $<$<CONFIG:Release>:-g0>)
  target_compile_definitions(test_${name} PRIVATE CATCH_CONFIG_FAST_COMPILE LT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" LT_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  target_link_libraries(test_${name} PRIVATE ${ARGN} looptwin_test_main)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/precompiled.h)
    target_precompile_headers(test_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/precompiled.h)
  elseif(name STREQUAL base)
    target_precompile_headers(test_base PRIVATE ${CMAKE_SOURCE_DIR}/tests/precompiled.h)
  else()
    target_precompile_headers(test_${name} REUSE_FROM test_base)
  endif()
  catch_discover_tests(test_${name} TEST_PREFIX "${name}: " DISCOVERY_MODE PRE_TEST)
endfunction()
