// A strict layer over yaml-cpp for the files people write: experiments and topologies.
// It refuses duplicate keys, unknown keys (with "did you mean"), anchors, aliases and tags (seen as parser events,
// before anything is expanded: an alias bomb costs its own few bytes), several documents, more than 1 MiB and more than
// 32 levels. Every error reads `file:line:column: key path: what was expected`; lines and columns count from 1. A file
// with several mistakes reports all that one pass can see, one a line. Nothing here throws.
//
//   auto file = yaml::load_file("a.yaml");                 // Result<yaml::Node>
//   yaml::MapReader map(*file);
//   map.required("name", name, yaml::string());
//   map.optional("duration", duration, yaml::duration());  // left as it was when the key is absent
//   if (auto done = map.finish(); !done) return done.error();  // unknown keys, and all errors above
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace geocommit::yaml {

inline constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
inline constexpr int kMaxDepth = 32;

enum class Kind { null, scalar, list, map };

struct Tree;  // a parsed value with its place in the file

/// A value of a parsed file and where it stands. Cheap to copy; immutable.
class Node {
 public:
  Node(std::shared_ptr<const std::string> file, std::shared_ptr<const Tree> tree, std::string path);

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_map() const { return kind() == Kind::map; }
  [[nodiscard]] bool is_list() const { return kind() == Kind::list; }
  [[nodiscard]] bool is_scalar() const { return kind() == Kind::scalar; }
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }

  /// The text of a scalar; empty for everything else.
  [[nodiscard]] const std::string& text() const;
  /// Whether the scalar was written in quotes (then it is text, never a number).
  [[nodiscard]] bool quoted() const;
  /// Dotted path of keys from the root, `links[2].delay`; empty at the root.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int line() const;    // from 1
  [[nodiscard]] int column() const;  // from 1
  [[nodiscard]] const std::string& file() const { return *file_; }

  /// Items of a list, in order; empty for everything else.
  [[nodiscard]] std::vector<Node> items() const;
  /// Entries of a map in the order of the file; empty for everything else.
  [[nodiscard]] std::vector<std::pair<std::string, Node>> entries() const;
  /// The value under `key`, if this is a map that has it.
  [[nodiscard]] std::optional<Node> find(std::string_view key) const;

  /// A copy of this map in which the value at the dotted path (`workload.rate`) is `value`, which keeps its own place
  /// in the file, so that an error in a sweep points at the sweep. Maps on the way are made where they are missing; an
  /// item of a list that is there is named by its index, from 0 (`faults.0.for`).
  [[nodiscard]] Result<Node> with(std::string_view dotted_path, const Node& value) const;

  /// `file:line:column: path: expected ...`.
  [[nodiscard]] Error error(std::string_view expected) const;
  /// The same for the place of a key in this map (falls back to the map itself).
  [[nodiscard]] Error key_error(std::string_view key, std::string_view expected) const;
  /// What stands there, for messages: `"abc"`, `a list`, `nothing`.
  [[nodiscard]] std::string describe() const;
  /// The value again as YAML in flow style, on one line.
  [[nodiscard]] std::string to_flow() const;

 private:
  std::shared_ptr<const std::string> file_;
  std::shared_ptr<const Tree> tree_;
  std::string path_;
};

/// Parses one document. `name` is used in messages. An empty document is a null node.
[[nodiscard]] Result<Node> parse(std::string_view text, std::string name);
/// The text of a file of at most 1 MiB.
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path);
/// Reads and parses a file.
[[nodiscard]] Result<Node> load_file(const std::filesystem::path& path);

/// The one of `candidates` that `word` is probably a slip of, or empty.
[[nodiscard]] std::string closest(std::string_view word, const std::vector<std::string>& candidates);
/// `, did you mean "x"?` for the end of a message, or empty.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);
/// The same, or where nothing is close, what there is: `; there are: a b`.
[[nodiscard]] std::string did_you_mean_or_list(std::string_view word, const std::vector<std::string>& candidates);

/// Reads the keys of one map and remembers which were asked for. Values whose key is absent or wrong are left as they
/// were; finish() then reports every mistake. A reader is any callable `Result<T>(const Node&)`, see yaml_values.h.
class MapReader {
 public:
  explicit MapReader(const Node& node);

  template <class T, class Reader>
  void required(std::string_view key, T& out, Reader&& read) {
    if (const auto value = take(key)) {
      store(*value, out, read);
    } else {
      missing(key);
    }
  }
  template <class T, class Reader>
  bool optional(std::string_view key, T& out, Reader&& read) {
    const auto value = take(key);
    return value && store(*value, out, read);
  }
  /// The raw value of a key, marked as known.
  [[nodiscard]] std::optional<Node> take(std::string_view key);
  /// Adds a mistake found by the caller.
  void add(const Error& error) { errors_.push_back(error.message); }
  [[nodiscard]] bool clean() const { return errors_.empty(); }
  /// Reports unknown keys and everything gathered so far.
  [[nodiscard]] Result<void> finish();

 private:
  template <class T, class Reader>
  bool store(const Node& value, T& out, Reader& read) {
    auto result = read(value);
    if (!result) {
      add(result.error());
      return false;
    }
    out = std::move(result).value();
    return true;
  }
  void missing(std::string_view key);

  Node node_;
  std::vector<std::string> known_;
  std::vector<std::string> errors_;
};

/// Joins messages, one a line.
[[nodiscard]] Error join_errors(const std::vector<std::string>& messages);

}  // namespace geocommit::yaml

#include "config/yaml_values.h"  // IWYU pragma: export
