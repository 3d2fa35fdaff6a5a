# Headers that are compiled once instead of in each source: parsing them is a third of a build. The standard library's in all sources; Catch2's
# in all tests, as each includes it first of all. So that each source still has its own includes: tests/tidy/includes.
function(geocommit_precompiled name)
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "")
  add_library(geocommit_${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(geocommit_${name} PRIVATE geocommit_options)
  target_precompile_headers(geocommit_${name} PRIVATE ${ARGN})
endfunction()

# Uses them in all targets of `folder` and below, but not in generated code.
function(geocommit_use_precompiled name folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    if(type MATCHES "STATIC_LIBRARY|EXECUTABLE" AND NOT target MATCHES "generated")
      target_precompile_headers(${target} REUSE_FROM geocommit_${name})
      # GCC 12 warns so of the standard library's own code where that was precompiled. AddressSanitizer looks for the same.
      target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
    endif()
  endforeach()
  get_property(folders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(below ${folders})
    geocommit_use_precompiled(${name} ${below})
  endforeach()
endfunction()

set(standard <algorithm> <array> <chrono> <cstdint> <deque> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string>
  <string_view> <unordered_map> <utility> <variant> <vector>)
geocommit_precompiled(standard ${standard})
foreach(folder ${GEOCOMMIT_FOLDERS})
  geocommit_use_precompiled(standard ${folder})
endforeach()
if(GEOCOMMIT_TESTS)
  geocommit_precompiled(catch <catch2/catch.hpp> ${standard})
  target_link_libraries(geocommit_catch PRIVATE Catch2::Catch2)
  geocommit_use_precompiled(catch tests)
endif()
