#include "tests/planted/elle_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace geocommit::planted {
namespace {

using Value = std::uint64_t;
using Version = std::vector<Value>;  // A list; of a register one value, or none: the initial version.

struct Micro {
  bool read{};
  Value key{};
  std::optional<Version> read_version;  // None: nil, which an invocation does not know.
  Value written{};
};
struct Operation {
  Value index{}, time{}, process{};
  std::string type;
  std::vector<Micro> value;
};

/// One line of EDN, to the letter. Throws what was expected.
class Line {
 public:
  Line(std::string_view text, bool append) : rest_(text), append_(append) {}
  Operation operation() {
    Operation one;
    expect("{:index ");
    one.index = number();
    expect(", :time ");
    one.time = number();
    expect(", :type :");
    one.type = rest_.substr(0, rest_.find(','));
    expect(one.type + ", :process ");
    one.process = number();
    expect(", :f :txn, :value [");
    while (!take("]}")) {
      expect(one.value.empty() ? "[" : " [");
      one.value.push_back(micro());
      expect("]");
    }
    expect("");
    if (!rest_.empty()) {
      throw "the end of the line, got " + std::string(rest_);
    }
    return one;
  }

 private:
  bool take(std::string_view word) {
    const bool there = rest_.starts_with(word);
    rest_.remove_prefix(there ? word.size() : 0);
    return there;
  }
  void expect(std::string_view word) {
    if (!take(word)) {
      throw std::string(word) + ", got " + std::string(rest_);
    }
  }
  Value number() {
    Value value = 0;
    const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (problem != std::errc{}) {
      throw "a number, got " + std::string(rest_);
    }
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  Micro micro() {
    Micro one;
    one.read = take(":r ");
    if (!one.read) {
      expect(append_ ? ":append " : ":w ");
    }
    one.key = number();
    expect(" ");
    if (!one.read) {
      one.written = number();
    } else if (take("nil")) {
      one.read_version = append_ ? std::nullopt : std::optional(Version{});
    } else if (!append_) {
      one.read_version = {number()};
    } else {
      expect("[");
      one.read_version.emplace();
      while (!take("]")) {
        if (!one.read_version->empty()) {
          expect(" ");
        }
        one.read_version->push_back(number());
      }
    }
    return one;
  }
  std::string_view rest_;
  bool append_;
};

class Reader {
 public:
  explicit Reader(verdict::ElleModel model) : append_(model == verdict::ElleModel::list_append) {}

  ElleReport run(std::string_view edn) {
    try {
      for (Value at = 0; !edn.empty(); ++at) {
        const std::size_t end = edn.find('\n');
        if (end == std::string_view::npos) {
          throw std::string("a line that ends");
        }
        take(Line(edn.substr(0, end), append_).operation(), at);
        edn.remove_prefix(end + 1);
      }
      if (!open_.empty()) {
        throw std::string("a completion of every invocation");
      }
    } catch (const std::string& expected) {
      report_.refused = "expected " + expected;
      return report_;
    }
    for (std::size_t i = 0; i < done_.size(); ++i) {
      if (done_[i].type == "ok") {
        look_at(i);
      }
    }
    order_versions();
    look_for_circles();
    return report_;
  }

 private:
  using Place = std::pair<Value, Value>;  // Key and value; value 0: the initial version.

  void take(Operation one, Value at) {
    if (one.index != at || one.time < last_time_) {
      throw "index " + std::to_string(at) + " and no step back in time, got " + std::to_string(one.index);
    }
    last_time_ = one.time;
    const auto open = open_.find(one.process);
    if (one.type == "invoke") {
      if (open != open_.end() || gone_.contains(one.process)) {
        throw "an idle process, got " + std::to_string(one.process);
      }
      for (const Micro& micro : one.value) {
        if (!micro.read && (micro.written == 0 || !invoked_.insert({micro.key, micro.written}).second)) {
          throw "a value that is written once, got " + std::to_string(micro.written);
        }
      }
      open_.emplace(one.process, std::move(one));
      return;
    }
    if ((one.type != "ok" && one.type != "fail" && one.type != "info") || open == open_.end()) {
      throw "an invocation before it, or a type, got " + one.type;
    }
    if (writes(one) != writes(open->second)) {
      throw "what was invoked, at " + std::to_string(at);
    }
    if (one.type == "info") {
      gone_.insert(one.process);
    }
    open_.erase(open);
    for (const Place& written : writes(one)) {
      writer_[written] = done_.size();
    }
    done_.push_back(std::move(one));
  }
  static std::set<Place> writes(const Operation& one) {
    std::set<Place> out;
    for (const Micro& micro : one.value) {
      if (!micro.read) {
        out.insert({micro.key, micro.written});
      }
    }
    return out;
  }

  /// What one transaction read is wrong by itself.
  void look_at(std::size_t at) {
    ++report_.ok;
    std::map<Value, Version> first;
    for (const Micro& micro : done_[at].value) {
      if (!micro.read) {
        continue;
      }
      ++report_.reads;
      if (!micro.read_version) {
        report_.anomalies.insert("unknown-read");
        continue;
      }
      const Version& version = *micro.read_version;
      if (first.emplace(micro.key, version).first->second != version) {
        report_.anomalies.insert("internal");
      }
      if (std::set<Value>(version.begin(), version.end()).size() != version.size()) {
        report_.anomalies.insert("duplicate-elements");
      }
      for (const Value value : version) {
        const auto writer = writer_.find({micro.key, value});
        if (writer == writer_.end()) {
          report_.anomalies.insert("unwritten");
        } else if (done_[writer->second].type == "fail") {
          report_.anomalies.insert("G1a");
        }
      }
      versions_[micro.key].insert(version);
      reads_.push_back({at, {micro.key, version.empty() ? 0 : version.back()}});
    }
    for (const auto& [key, written] : writes(done_[at])) {
      const auto read = first.find(key);
      if (read == first.end()) {
        continue;
      }
      if (!updated_.insert({key, read->second}).second) {
        report_.anomalies.insert("lost-update");
      }
      if (!append_) {
        next_[{key, read->second.empty() ? 0 : read->second.back()}].insert(written);
      }
    }
  }

  void order_versions() {
    for (const auto& [key, versions] : versions_) {
      if (!append_) {
        continue;
      }
      std::vector<Version> by_length(versions.begin(), versions.end());
      std::stable_sort(by_length.begin(), by_length.end(),
                       [](const Version& a, const Version& b) { return a.size() < b.size(); });
      for (std::size_t i = 1; i < by_length.size(); ++i) {
        if (!std::equal(by_length[i - 1].begin(), by_length[i - 1].end(), by_length[i].begin())) {
          report_.anomalies.insert("incompatible-order");
        }
      }
      Value before = 0;
      for (const Value value : by_length.back()) {
        next_[{key, std::exchange(before, value)}].insert(value);
      }
    }
  }

  void look_for_circles() {
    std::vector<std::set<std::size_t>> after(done_.size());
    const auto depends = [&](std::optional<std::size_t> from, std::optional<std::size_t> to) {
      if (from && to && *from != *to && done_[*from].type != "fail" && done_[*to].type != "fail") {
        after[*from].insert(*to);
      }
    };
    const auto writer = [&](Place place) {
      const auto found = writer_.find(place);
      return found == writer_.end() ? std::nullopt : std::optional(found->second);
    };
    for (const auto& [place, successors] : next_) {
      for (const Value successor : successors) {
        depends(writer(place), writer({place.first, successor}));
      }
    }
    for (const auto& [reader, place] : reads_) {
      depends(writer(place), reader);
      if (const auto found = next_.find(place); found != next_.end()) {
        for (const Value successor : found->second) {
          depends(reader, writer({place.first, successor}));
        }
      }
    }
    std::vector<std::size_t> before(done_.size());
    for (const auto& all : after) {
      for (const std::size_t one : all) {
        ++before[one];
      }
    }
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i] == 0) {
        free.push_back(i);
      }
    }
    std::size_t ordered = 0;
    for (; !free.empty(); ++ordered) {
      const std::size_t one = free.back();
      free.pop_back();
      for (const std::size_t next : after[one]) {
        if (--before[next] == 0) {
          free.push_back(next);
        }
      }
    }
    if (ordered < done_.size()) {
      report_.anomalies.insert("cycle");
    }
  }

  bool append_;
  ElleReport report_;
  Value last_time_{};
  std::map<Value, Operation> open_;
  std::set<Value> gone_;
  std::set<Place> invoked_;
  std::vector<Operation> done_;
  std::map<Place, std::size_t> writer_;
  std::map<Value, std::set<Version>> versions_;
  std::set<std::pair<Value, Version>> updated_;
  std::map<Place, std::set<Value>> next_;
  std::vector<std::pair<std::size_t, Place>> reads_;
};

}  // namespace

ElleReport read_elle(std::string_view edn, verdict::ElleModel model) { return Reader(model).run(edn); }

}  // namespace geocommit::planted
