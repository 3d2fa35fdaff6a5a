#include "config/strict_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace geocommit::yaml {

struct Tree {
  Kind kind = Kind::null;
  int line = 1;
  int column = 1;
  std::string scalar;
  bool quoted = false;
  struct Entry {
    std::string key;
    int line = 1;
    int column = 1;
    std::shared_ptr<const Tree> value;
  };
  std::vector<Entry> entries;
  std::vector<std::shared_ptr<const Tree>> items;
};

namespace {

std::string place(const std::string& file, int line, int column) {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
}

std::string join_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

/// Thrown inside the parser only, to stop it at the first forbidden event; caught in parse().
struct Refused {
  int line;
  int column;
  std::string path;
  std::string why;
};

/// Builds the Tree from parser events, refusing what the strict subset does not have.
class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "expected one document, found a second");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "?", anchor);
    add_value(make(mark, Kind::null));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "aliases (*name) are not allowed"); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    if (!open_.empty() && open_.back()->kind == Kind::map && !pending_.back().has_value()) {
      add_key(mark, value);
      return;
    }
    auto tree = make(mark, Kind::scalar);
    tree->scalar = value;
    tree->quoted = tag == "!";
    add_value(std::move(tree));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    push(mark, Kind::list);
  }
  void OnSequenceEnd() override { pop(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    push(mark, Kind::map);
  }
  void OnMapEnd() override { pop(); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    refuse(mark, "anchors (&name) are not allowed");
  }

  [[nodiscard]] std::shared_ptr<const Tree> root() const { return root_ ? root_ : std::make_shared<Tree>(); }

 private:
  static std::shared_ptr<Tree> make(const YAML::Mark& mark, Kind kind) {
    auto tree = std::make_shared<Tree>();
    tree->kind = kind;
    tree->line = mark.line + 1;
    tree->column = mark.column + 1;
    return tree;
  }
  [[noreturn]] void refuse(const YAML::Mark& mark, std::string why) const {
    std::string path;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (open_[i]->kind == Kind::list) {
        path += "[" + std::to_string(open_[i]->items.size()) + "]";
      } else if (pending_[i]) {
        path = join_path(path, pending_[i]->key);
      }
    }
    throw Refused{mark.line + 1, mark.column + 1, path, std::move(why)};
  }
  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse(mark, "anchors (&name) are not allowed");
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "tags (!name) are not allowed");
  }
  void push(const YAML::Mark& mark, Kind kind) {
    if (open_.size() >= static_cast<std::size_t>(kMaxDepth)) {
      refuse(mark, "expected at most " + std::to_string(kMaxDepth) + " levels of nesting");
    }
    if (!open_.empty() && open_.back()->kind == Kind::map && !pending_.back()) {
      refuse(mark, "expected a plain word as the key");
    }
    open_.push_back(make(mark, kind));
    pending_.emplace_back();
  }
  void pop() {
    auto tree = std::move(open_.back());
    open_.pop_back();
    pending_.pop_back();
    add_value(std::move(tree));
  }
  void add_key(const YAML::Mark& mark, const std::string& key) {
    const Tree& map = *open_.back();
    const auto same = [&](const Tree::Entry& entry) { return entry.key == key; };
    const auto first = std::find_if(map.entries.begin(), map.entries.end(), same);
    pending_.back() = Tree::Entry{key, mark.line + 1, mark.column + 1, nullptr};
    if (first != map.entries.end()) {
      refuse(mark, "duplicate key, first given at line " + std::to_string(first->line));
    }
    if (map.entries.size() >= 10000) refuse(mark, "expected at most 10000 keys in a map");
  }
  void add_value(std::shared_ptr<Tree> tree) {
    if (open_.empty()) {
      root_ = std::move(tree);
      return;
    }
    Tree& parent = *open_.back();
    if (parent.kind == Kind::list) {
      parent.items.push_back(std::move(tree));
      return;
    }
    if (!pending_.back()) {  // a null or a container where a key belongs
      refuse(mark_of(*tree), "expected a plain word as the key");
    }
    pending_.back()->value = std::move(tree);
    parent.entries.push_back(std::move(*pending_.back()));
    pending_.back().reset();
  }
  static YAML::Mark mark_of(const Tree& tree) {
    YAML::Mark mark;
    mark.line = tree.line - 1;
    mark.column = tree.column - 1;
    return mark;
  }

  int documents_ = 0;
  std::shared_ptr<const Tree> root_;
  std::vector<std::shared_ptr<Tree>> open_;
  std::vector<std::optional<Tree::Entry>> pending_;  // per open map: the key whose value comes next
};

std::shared_ptr<const Tree> replace(const Tree* tree, std::string_view path, const std::shared_ptr<const Tree>& value,
                                    const Tree& where) {
  auto copy = tree != nullptr ? std::make_shared<Tree>(*tree) : std::make_shared<Tree>();
  if (tree == nullptr || tree->kind == Kind::null) {
    copy->kind = Kind::map;
    copy->line = where.line;
    copy->column = where.column;
  }
  const auto dot = path.find('.');
  const std::string key(path.substr(0, dot));
  if (copy->kind == Kind::list) {
    std::size_t index = 0;
    const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
    if (read.ec != std::errc{} || read.ptr != key.data() + key.size() || index >= copy->items.size()) return nullptr;
    auto item =
        dot == std::string_view::npos ? value : replace(copy->items[index].get(), path.substr(dot + 1), value, where);
    if (!item) return nullptr;
    copy->items[index] = std::move(item);
    return copy;
  }
  if (copy->kind != Kind::map) return nullptr;
  const auto same = [&](const Tree::Entry& entry) { return entry.key == key; };
  auto entry = std::find_if(copy->entries.begin(), copy->entries.end(), same);
  const Tree* old = entry != copy->entries.end() ? entry->value.get() : nullptr;
  auto updated = dot == std::string_view::npos ? value : replace(old, path.substr(dot + 1), value, where);
  if (!updated) return nullptr;
  if (entry == copy->entries.end()) {
    copy->entries.push_back({key, where.line, where.column, std::move(updated)});
  } else {
    *entry = {key, where.line, where.column, std::move(updated)};
  }
  return copy;
}

void write_flow(const Tree& tree, std::string& out) {
  const auto write_text = [&](const std::string& text, bool quoted) {
    // In quotes only where YAML needs them: "2%" in quotes would be text, no longer a share. Indicators such as % and @
    // count at the front only.
    const bool dash = !text.empty() && text.front() == '-' && (text.size() == 1 || text[1] == ' ' || text[1] == '-');
    const bool plain = !quoted && !text.empty() && text.find_first_of("\n\"'#{}[],\\") == std::string::npos &&
                       std::string_view("&*!|>%@`? ").find(text.front()) == std::string_view::npos && !dash &&
                       text.find(": ") == std::string::npos && text.back() != ':' && text.back() != ' ';
    if (plain) {
      out += text;
      return;
    }
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    out += '"';
  };
  switch (tree.kind) {
    case Kind::null:
      out += '~';
      break;
    case Kind::scalar:
      write_text(tree.scalar, tree.quoted);
      break;
    case Kind::list:
      out += '[';
      for (std::size_t i = 0; i < tree.items.size(); ++i) {
        if (i > 0) out += ", ";
        write_flow(*tree.items[i], out);
      }
      out += ']';
      break;
    case Kind::map:
      out += '{';
      for (std::size_t i = 0; i < tree.entries.size(); ++i) {
        if (i > 0) out += ", ";
        write_text(tree.entries[i].key, false);
        out += ": ";
        write_flow(*tree.entries[i].value, out);
      }
      out += '}';
      break;
  }
}

/// Line and column of the first tab that a line begins with, spaces aside.
std::optional<std::pair<int, int>> indenting_tab(std::string_view text) {
  int line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::size_t begin = std::min(text.find_first_not_of(' ', at), end);
    if (begin < end && text[begin] == '\t') return std::pair{line, static_cast<int>(begin - at) + 1};
    at = end + 1;
  }
  return std::nullopt;
}

}  // namespace

Node::Node(std::shared_ptr<const std::string> file, std::shared_ptr<const Tree> tree, std::string path)
    : file_(std::move(file)), tree_(std::move(tree)), path_(std::move(path)) {}

Kind Node::kind() const { return tree_->kind; }
const std::string& Node::text() const { return tree_->scalar; }
bool Node::quoted() const { return tree_->quoted; }
int Node::line() const { return tree_->line; }
int Node::column() const { return tree_->column; }

std::vector<Node> Node::items() const {
  std::vector<Node> out;
  for (std::size_t i = 0; i < tree_->items.size(); ++i) {
    out.emplace_back(file_, tree_->items[i], path_ + "[" + std::to_string(i) + "]");
  }
  return out;
}

std::vector<std::pair<std::string, Node>> Node::entries() const {
  std::vector<std::pair<std::string, Node>> out;
  for (const auto& entry : tree_->entries) {
    out.emplace_back(entry.key, Node(file_, entry.value, join_path(path_, entry.key)));
  }
  return out;
}

std::optional<Node> Node::find(std::string_view key) const {
  for (const auto& entry : tree_->entries) {
    if (entry.key == key) return Node(file_, entry.value, join_path(path_, key));
  }
  return std::nullopt;
}

Result<Node> Node::with(std::string_view dotted_path, const Node& value) const {
  auto tree = replace(tree_.get(), dotted_path, value.tree_, *value.tree_);
  if (!tree || dotted_path.empty() || dotted_path.front() == '.' || dotted_path.back() == '.' ||
      dotted_path.find("..") != std::string_view::npos) {
    return value.error("expected a dotted path of keys that leads to a value, not \"" + std::string(dotted_path) +
                       "\"");
  }
  return Node(file_, std::move(tree), path_);
}

Error Node::error(std::string_view expected) const {
  return Error{place(*file_, line(), column()) + (path_.empty() ? "" : path_ + ": ") + std::string(expected)};
}

Error Node::key_error(std::string_view key, std::string_view expected) const {
  int at_line = line();
  int at_column = column();
  for (const auto& entry : tree_->entries) {
    if (entry.key == key) {
      at_line = entry.line;
      at_column = entry.column;
    }
  }
  return Error{place(*file_, at_line, at_column) + join_path(path_, key) + ": " + std::string(expected)};
}

std::string Node::describe() const {
  switch (kind()) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "\"" + text().substr(0, 80) + (text().size() > 80 ? "..." : "") + "\"";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  GC_CHECK(false);
}

std::string Node::to_flow() const {
  std::string out;
  write_flow(*tree_, out);
  return out;
}

Result<Node> parse(std::string_view text, std::string name) {
  if (text.size() > kMaxFileBytes) {
    return Error{name + ":1:1: expected at most 1 MiB, found " + std::to_string(text.size()) + " bytes"};
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return Error{name + ":1:1: expected text, found a zero byte at offset " + std::to_string(nul)};
  }
  auto file = std::make_shared<const std::string>(std::move(name));
  Builder builder;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    return Error{place(*file, refused.line, refused.column) + (refused.path.empty() ? "" : refused.path + ": ") +
                 refused.why};
  } catch (const YAML::Exception& exception) {
    if (const auto tab = indenting_tab(text)) {
      return Error{place(*file, tab->first, tab->second) +
                   "expected spaces, found a tab: YAML is indented by spaces only"};
    }
    return Error{place(*file, exception.mark.line + 1, exception.mark.column + 1) +
                 "expected well-formed YAML: " + exception.msg};
  } catch (const std::exception& exception) {
    return Error{*file + ":1:1: expected well-formed YAML: " + exception.what()};
  }
  return Node(std::move(file), builder.root(), "");
}

Result<std::string> read_text(const std::filesystem::path& path) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) return Error{path.string() + ": expected a file, found a folder"};
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return Error{path.string() + ": cannot be opened for reading"};
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes) return Error{path.string() + ":1:1: expected at most 1 MiB"};
  return text;
}

Result<Node> load_file(const std::filesystem::path& path) {
  const auto text = read_text(path);
  if (!text) return text.error();
  return parse(*text, path.string());
}

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::string found;
  if (word.size() > 64) return found;
  for (const std::string& candidate : candidates) {
    // Optimal string alignment distance: insert, delete, replace, swap of neighbours.
    std::vector<std::vector<std::size_t>> d(word.size() + 1, std::vector<std::size_t>(candidate.size() + 1));
    for (std::size_t i = 0; i <= word.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= candidate.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t change = word[i - 1] == candidate[j - 1] ? 0 : 1;
        d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1]) {
          d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    if (d[word.size()][candidate.size()] < best && d[word.size()][candidate.size()] < word.size()) {
      best = d[word.size()][candidate.size()];
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string guess = closest(word, candidates);
  return guess.empty() ? "" : ", did you mean \"" + guess + "\"?";
}

std::string did_you_mean_or_list(std::string_view word, const std::vector<std::string>& candidates) {
  if (const std::string meant = did_you_mean(word, candidates); !meant.empty()) return meant;
  std::string list = "; there are:";
  for (const std::string& one : candidates) list += " " + one;
  return list;
}

MapReader::MapReader(const Node& node) : node_(node) {
  if (!node.is_map() && !node.is_null()) add(node.error("expected a map of keys, found " + node.describe()));
}

std::optional<Node> MapReader::take(std::string_view key) {
  known_.emplace_back(key);
  return node_.find(key);
}

void MapReader::missing(std::string_view key) {
  if (node_.is_map() || node_.is_null()) add(node_.key_error(key, "expected this key, it is missing"));
}

Result<void> MapReader::finish() {
  for (const auto& [key, value] : node_.entries()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string guess = closest(key, known_);
    std::string expected = "unknown key";
    if (!guess.empty()) {
      expected += ", did you mean \"" + guess + "\"?";
    } else {
      expected += ", expected one of:";
      for (const auto& name : known_) expected += " " + name;
    }
    add(node_.key_error(key, expected));
  }
  if (errors_.empty()) return {};
  return join_errors(errors_);
}

Error join_errors(const std::vector<std::string>& messages) {
  Error joined;
  for (const auto& message : messages) joined.message += (joined.message.empty() ? "" : "\n") + message;
  return joined;
}

}  // namespace geocommit::yaml
