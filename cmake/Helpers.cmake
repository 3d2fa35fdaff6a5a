find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)

# What every target of the project is compiled with. Generated code links geocommit_options_relaxed.
add_library(geocommit_options INTERFACE)
target_include_directories(geocommit_options INTERFACE ${CMAKE_SOURCE_DIR})
# -fpch-preprocess: ccache asks for it where headers are precompiled. -ffp-contract=off: a fused multiply-add rounds once instead of twice, so
# that a load, and a run in virtual time, would depend on the processor.
target_compile_options(geocommit_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror -fpch-preprocess -ffp-contract=off)
if(GEOCOMMIT_SANITIZE)
  add_compile_options(-fsanitize=${GEOCOMMIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GEOCOMMIT_SANITIZE})
  # GCC 12 sees uninitialised optionals in instrumented code where there are none; the plain presets keep the warning.
  # Nor is any other warning of theirs an error: those stop the build of the same sources in the plain presets.
  target_compile_options(geocommit_options INTERFACE -Wno-maybe-uninitialized -Wno-error)
endif()

# geocommit_library(NAME SOURCES ... [LINK ...]): one static library per folder, `geocommit_NAME`.
function(geocommit_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(geocommit_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(geocommit_${name} PUBLIC geocommit_options ${ARG_LINK})
endfunction()

# What reads files and writes pages, and nobody waits for, is optimised less where all else is optimised: a quarter less to compile. Not what runs
# while something is measured, nor what goes through every record of every log.
function(geocommit_optimise_less)
  foreach(folder ${ARGN})
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target ${targets})
      get_target_property(type ${target} TYPE)
      if(CMAKE_CXX_FLAGS MATCHES "-O2" AND type MATCHES "STATIC_LIBRARY|EXECUTABLE")
        # At -Og GCC 12 sees uninitialised optionals where there are none; preset dev keeps the warning.
        target_compile_options(${target} PRIVATE -Og -Wno-maybe-uninitialized)
      endif()
    endforeach()
  endforeach()
endfunction()

# geocommit_test(NAME SOURCES ... [LINK ...] [LABELS ...]): a Catch2 program and one CTest entry.
function(geocommit_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(test_${name} ${ARG_SOURCES})
  target_link_libraries(test_${name} PRIVATE geocommit_options geocommit_catch_main ${ARG_LINK})
  add_test(NAME ${name} COMMAND test_${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900)  # Ends what hangs, on any machine.
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if(GEOCOMMIT_SANITIZE MATCHES "thread")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT
      "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1:second_deadlock_stack=1")
  endif()
endfunction()

if(NOT GEOCOMMIT_TESTS)
  return()
endif()
find_package(Catch2 2 REQUIRED)
# Catch2's main is compiled once: it is most of the cost of a test program.
file(WRITE ${CMAKE_BINARY_DIR}/catch_main.cpp "#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n")
add_library(geocommit_catch_main STATIC ${CMAKE_BINARY_DIR}/catch_main.cpp)
target_link_libraries(geocommit_catch_main PUBLIC Catch2::Catch2)
