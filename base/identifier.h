// What a name is. Names come from files, flags and the wire, and end up in paths, addresses and labels: whoever reads
// one checks it here, and child_path() (runtime/child_path.h) checks again where a path is made of it.
#pragma once

#include <string_view>

namespace geocommit {

/// Of regions, datacenters, experiments, scenarios, runs and cells: letters, digits, '.', '_' and '-', a letter or
/// digit first, at most 64 bytes.
[[nodiscard]] bool is_identifier(std::string_view text);
/// The same in the words of an error: "expected " kIdentifierWords.
inline constexpr const char* kIdentifierWords =
    "a name of letters, digits, '.', '_' and '-', a letter or digit first, at most 64";

/// One component of a path of ours: as an identifier, but '@' too (nodes: "agent1@eu-west-1") and at most 200 bytes
/// ("2pc-r1.commit_latency.csv"). Never ".", ".." or anything with a slash, and never hidden.
[[nodiscard]] bool is_path_component(std::string_view text);

}  // namespace geocommit
