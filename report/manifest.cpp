#include "report/manifest.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/outcomes.h"
#include "os/files.h"
#include "runtime/log/crc32c.h"
#include "runtime/log/synced_mark.h"

namespace geocommit {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kSchema = "geocommit/evidence/1";
constexpr const char* kChecksum = "crc32c";

std::string hex(std::uint32_t value) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", value);
  return text.data();
}

Json json_of(const FileSeal& seal) { return {{"bytes", seal.bytes}, {kChecksum, hex(seal.crc32c)}}; }

FileSeal seal_of(const Json& json) {
  return {json.at("bytes").get<std::uintmax_t>(),
          static_cast<std::uint32_t>(std::stoul(json.at(kChecksum).get<std::string>(), nullptr, 16))};
}

Json json_of(const Manifest& m) {
  Json out{{"schema", kSchema},
           {"run_id", m.run_id},
           {"cell", m.cell},
           {"experiment", json_of(m.experiment)},
           {"drained", m.drained},
           {"why_not_drained", m.why_not_drained},
           {"load_began_ns", m.load_began.time_since_epoch().count()},
           {"clock", m.clock},
           {"beyond_model_ns", Json::array()},
           {"nodes", Json::object()},
           {"incomplete", m.incomplete}};
  for (const FaultSpan& span : m.beyond_model) {
    out["beyond_model_ns"].push_back({span.begin.count(), span.end ? Json(span.end->count()) : Json(nullptr)});
  }
  for (const auto& [name, node] : m.nodes) {
    Json& to = out["nodes"][name] = {{"id", node.id.value}, {"start", node.start.value}, {"files", Json::object()}};
    for (const auto& [file, seal] : node.files) to["files"][file] = json_of(seal);
  }
  return out;
}

/// Throws what nlohmann throws, if it is not what json_of() makes.
Manifest manifest_of(const Json& json) {
  Manifest m;
  m.run_id = json.at("run_id");
  m.cell = json.at("cell");
  m.experiment = seal_of(json.at("experiment"));
  m.drained = json.at("drained");
  m.why_not_drained = json.at("why_not_drained");
  m.load_began = Instant{Duration{json.at("load_began_ns").get<std::int64_t>()}};
  m.clock = json.at("clock");
  for (const Json& span : json.at("beyond_model_ns")) {
    FaultSpan& to = m.beyond_model.emplace_back();
    to.begin = Duration{span.at(0).get<std::int64_t>()};
    if (!span.at(1).is_null()) to.end = Duration{span.at(1).get<std::int64_t>()};
  }
  m.incomplete = json.at("incomplete").get<std::vector<std::string>>();
  for (const auto& [name, node] : json.at("nodes").items()) {
    NodeSeal& to = m.nodes[name];
    to.id = NodeId{node.at("id").get<std::uint32_t>()};
    to.start = Epoch{node.at("start").get<std::uint32_t>()};
    for (const auto& [file, seal] : node.at("files").items()) to.files[file] = seal_of(seal);
  }
  return m;
}

bool is_evidence(const fs::path& file) {
  const std::string name = file.filename().string();
  return file.extension() == ".seg" || name == kOutcomesFile || name == kBalancesFile || name == kSyncedMarkName;
}

}  // namespace

Result<FileSeal> seal_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  FileSeal seal;
  std::string block(1U << 20U, '\0');
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    const auto got = static_cast<std::size_t>(in.gcount());
    seal.crc32c = crc32c(std::string_view(block).substr(0, got), seal.crc32c);
    seal.bytes += got;
  }
  if (!in.eof()) return Error{"cannot read " + file.string()};
  return seal;
}

Result<std::map<std::string, FileSeal>> seal_files(const fs::path& node_folder) {
  std::map<std::string, FileSeal> out;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(node_folder, none)) {
    if (!entry.is_regular_file(none) || !is_evidence(entry.path())) continue;
    auto seal = seal_file(entry.path());
    if (!seal) return seal.error();
    out[fs::relative(entry.path(), node_folder, none).string()] = *seal;
  }
  return out;
}

Result<std::string> write_manifest(const fs::path& file, const Manifest& manifest) {
  Json json = json_of(manifest);
  const std::string sum = hex(crc32c(json.dump()));
  json[kChecksum] = sum;
  if (auto made = make_folder(file.parent_path()); !made) return made.error();
  if (auto done = write_file(file, json.dump(1) + "\n"); !done) return done.error();
  return sum;
}

Result<Manifest> read_manifest(const fs::path& file, const std::string& expected) {
  std::ifstream in(file);
  if (!in) return Error{file.string() + " is missing: nothing says what the logs were"};
  Json json = Json::parse(in, nullptr, false);
  const bool object = json.is_object() && json.contains(kChecksum) && json.value("schema", Json()) == kSchema;
  const Json sum = object ? json[kChecksum] : Json();
  if (object) json.erase(kChecksum);
  if (!object || sum != hex(crc32c(json.dump())) || sum != expected) {
    return Error{file.string() + " is not as it was written: nothing says what the logs were"};
  }
  try {
    return manifest_of(json);
  } catch (const std::exception& e) {
    return Error{file.string() + " cannot be understood: " + e.what()};
  }
}

Result<void> write_balances(const fs::path& file, const std::vector<std::int64_t>& balances) {
  std::string bytes;
  bytes.reserve(8 * balances.size());
  for (const std::int64_t balance : balances) {
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(balance) >> (8 * i)));
  }
  if (auto made = make_folder(file.parent_path()); !made) return made;
  return write_file(file, bytes);
}

Result<std::vector<std::int64_t>> read_balances(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{"cannot read " + file.string()};
  std::vector<std::int64_t> balances;
  std::array<char, 8> bytes{};
  while (in.read(bytes.data(), bytes.size())) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{static_cast<unsigned char>(bytes.at(i))} << (8 * i);
    balances.push_back(static_cast<std::int64_t>(value));
  }
  return balances;
}

std::string altered(const fs::path& node_folder, const NodeSeal& seal) {
  const auto now = seal_files(node_folder);
  if (!now) return now.error().message;
  for (const auto& [name, was] : seal.files) {
    const auto is = now->find(name);
    const std::string path = (node_folder / name).string();
    if (is == now->end()) return path + " is missing";
    if (is->second.bytes != was.bytes) {
      return path + " has " + std::to_string(is->second.bytes) + " bytes; it had " + std::to_string(was.bytes) +
             " when it was collected";
    }
    if (is->second != was) return path + " is not what was collected: its checksum differs";
  }
  for (const auto& [name, is] : *now) {
    if (!seal.files.contains(name)) return (node_folder / name).string() + " was not there when the run was judged";
  }
  return "";
}

}  // namespace geocommit
