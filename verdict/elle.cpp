#include "verdict/elle.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace geocommit::verdict {
namespace {

/// What a transaction saw. Ordered, so that what copies agree on stands together.
struct Seen {
  Entity entity;
  TxnId version;
  NodeId site;
  auto operator<=>(const Seen&) const = default;
};

/// The versions of every entity at every site, each with the one that its writer saw: what a list there held.
class Lists {
 public:
  void wrote(NodeId site, Entity entity, TxnId writer, TxnId saw) {
    if (writer == saw) {
      return;  // A second operation of one transaction.
    }
    const std::size_t node = node_of(site, entity, writer), parent = node_of(site, entity, saw);
    if (nodes_[node].parent == kUnknown) {
      nodes_[node].parent = parent;
      anywhere_.emplace(Place{NodeId{}, entity, writer}, node);
    }
  }
  /// The writers, oldest first. A circle, which no list has, is gone round once.
  [[nodiscard]] std::vector<TxnId> at(const Seen& seen) const {
    std::vector<TxnId> out;
    const auto start = index_.find(Place{seen.site, seen.entity, seen.version});
    std::size_t node = start == index_.end() ? kUnknown : start->second;
    if (node == kUnknown && seen.version != TxnId{}) {
      out.push_back(seen.version);
    }
    while (node != kUnknown && nodes_[node].writer != TxnId{} && out.size() <= nodes_.size()) {
      out.push_back(nodes_[node].writer);
      if (nodes_[node].parent == kUnknown) {  // It came to this site without its history.
        const auto other = anywhere_.find(Place{NodeId{}, seen.entity, nodes_[node].writer});
        node = other == anywhere_.end() ? kUnknown : nodes_[other->second].parent;
      } else {
        node = nodes_[node].parent;
      }
    }
    std::reverse(out.begin(), out.end());
    return out;
  }
  [[nodiscard]] std::vector<TxnId> writers() const {
    std::vector<TxnId> out;
    for (const Version& one : nodes_) {
      out.push_back(one.writer);
    }
    return out;
  }

 private:
  static constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();
  struct Version {
    TxnId writer;
    std::size_t parent{kUnknown};
  };
  struct Place {
    NodeId site;
    Entity entity;
    TxnId writer;
    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const {
      return std::hash<TxnId>{}(place.writer) * 31 +
             static_cast<std::size_t>(place.entity.value * 0x9e3779b97f4a7c15ULL + place.site.value);
    }
  };
  std::size_t node_of(NodeId site, Entity entity, TxnId writer) {
    const auto [found, is_new] = index_.try_emplace(Place{site, entity, writer}, nodes_.size());
    if (is_new) {
      nodes_.push_back({writer});
    }
    return found->second;
  }
  std::unordered_map<Place, std::size_t, PlaceHash> index_, anywhere_;
  std::vector<Version> nodes_;
};

class Writer {
 public:
  Writer(const History& history, ElleModel model, ElleFormat format)
      : history_(history), append_(model == ElleModel::list_append), edn_(format == ElleFormat::edn) {}

  Result<std::string> run() {
    look_at_logs();
    number();
    struct Event {
      Duration when;
      bool ends{};
      std::size_t outcome{};
      auto operator<=>(const Event&) const = default;
    };
    std::vector<Event> events;
    for (std::size_t i = 0; i < history_.outcomes.size(); ++i) {
      const ClientOutcome& one = history_.outcomes[i];
      events.push_back({one.intended_start, false, i});
      events.push_back({one.intended_start + std::max(one.latency, Duration{1}), true, i});
    }
    std::sort(events.begin(), events.end());
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> free;
    std::vector<std::uint64_t> process(history_.outcomes.size());
    std::uint64_t processes = 0;
    for (const Event& event : events) {
      const ClientOutcome& one = history_.outcomes[event.outcome];
      if (!event.ends && free.empty()) {
        free.push(processes++);
      }
      if (!event.ends) {
        process[event.outcome] = free.top();
        free.pop();
      }
      const std::string_view type = !event.ends                      ? "invoke"
                                    : one.outcome == Outcome::commit ? "ok"
                                    : one.outcome == Outcome::abort  ? "fail"
                                                                     : "info";
      line(event.when, type, process[event.outcome], event.outcome);
      if (values_ > kElleValuesMax) {
        return Error{"the lists that were read hold more than " + std::to_string(kElleValuesMax) +
                     " values: too many writes of one entity for a history of lists; take registers"};
      }
      if (event.ends && one.outcome != Outcome::undecided) {
        free.push(process[event.outcome]);  // Who does not know how it ended does nothing more.
      }
    }
    if (!edn_) {
      out_ += index_ == 0 ? "[]\n" : "\n]\n";
    }
    return std::move(out_);
  }

 private:
  void look_at_logs() {
    for (const auto& [id, node] : history_.nodes) {
      for (const Fact& fact : node.facts) {
        const bool voted = fact.kind == FactKind::voted_yes;
        if ((voted || fact.kind == FactKind::applied_shipped) && fact.versions.size() == fact.operations.size()) {
          for (std::size_t i = 0; i < fact.operations.size(); ++i) {
            const Operation& operation = fact.operations[i];
            if (voted) {
              seen_[fact.txn].insert({operation.entity, fact.versions[i], id});
            }
            if (!operation.read) {
              lists_.wrote(id, operation.entity, fact.txn, fact.versions[i]);
            }
          }
        }
        if (fact.kind == FactKind::committed && fact.request != RequestId{}) {
          by_request_.emplace(fact.request, fact.txn);
        }
      }
    }
    for (const ClientOutcome& one : history_.outcomes) {
      for (const ReadValue& read : one.reads) {
        seen_[one.txn].insert({read.entity, read.version, read.site});
      }
    }
  }

  [[nodiscard]] TxnId txn_of(const ClientOutcome& one) const {
    const auto found = by_request_.find(one.request);
    return one.txn != TxnId{} || found == by_request_.end() ? one.txn : found->second;
  }

  /// 1, 2, 3, ... in the order of the outcomes; a version that no outcome speaks of comes after them.
  void number() {
    for (const ClientOutcome& one : history_.outcomes) {
      ++last_;
      own_number_.push_back(last_);
      if (const TxnId txn = txn_of(one); txn != TxnId{}) {
        numbers_.emplace(txn, last_);
      }
    }
    const auto name = [this](TxnId version) {
      if (version != TxnId{} && numbers_.emplace(version, last_ + 1).second) {
        ++last_;
      }
    };
    for (const auto& [txn, all] : seen_) {
      for (const Seen& seen : all) {
        name(seen.version);
      }
    }
    for (const TxnId writer : lists_.writers()) {
      name(writer);
    }
  }

  void line(Duration when, std::string_view type, std::uint64_t process, std::size_t outcome) {
    const auto text = [](auto number) { return std::to_string(number); };
    const std::string value = operations(outcome, type == "ok");
    if (edn_) {
      out_ += "{:index " + text(index_) + ", :time " + text(when.count()) + ", :type :" + std::string(type) +
              ", :process " + text(process) + ", :f :txn, :value [" + value + "]}\n";
    } else {
      out_ += std::string(index_ == 0 ? "[\n" : ",\n") + R"({"index": )" + text(index_) + R"(, "time": )" +
              text(when.count()) + R"(, "type": ")" + std::string(type) + R"(", "process": )" + text(process) +
              R"(, "f": "txn", "value": [)" + value + "]}";
    }
    ++index_;
  }

  /// What was read there: a version, or the list at it.
  std::string read_value(const Seen& seen) {
    if (!append_) {
      return seen.version == TxnId{} ? nil() : std::to_string(numbers_.at(seen.version));
    }
    std::string out;
    for (const TxnId writer : lists_.at(seen)) {
      out += (out.empty() ? "" : edn_ ? " " : ", ") + std::to_string(numbers_.at(writer));
      ++values_;
    }
    return "[" + out + "]";
  }
  [[nodiscard]] std::string nil() const { return edn_ ? "nil" : "null"; }

  std::string operations(std::size_t at, bool known) {
    const ClientOutcome& one = history_.outcomes[at];
    std::string out;
    const auto add = [&](std::string_view what, Entity entity, const std::string& value) {
      out += out.empty() ? "[" : edn_ ? " [" : ", [";
      out += edn_ ? ":" + std::string(what) + " " : "\"" + std::string(what) + "\", ";
      out += std::to_string(entity.value) + (edn_ ? " " : ", ") + value + "]";
    };
    std::set<Entity> written, touched;
    for (const Operation& operation : one.operations) {
      touched.insert(operation.entity);
      if (!operation.read) {
        written.insert(operation.entity);
      }
    }
    const auto seen = seen_.find(txn_of(one));
    for (const Entity entity : touched) {
      std::set<std::string> values;  // Copies that agree say it once.
      if (known && seen != seen_.end()) {
        for (auto it = seen->second.lower_bound({entity, TxnId{}, NodeId{}});
             it != seen->second.end() && it->entity == entity; ++it) {
          values.insert(read_value(*it));
        }
      }
      if (!known) {
        values.insert(nil());
      }
      for (const std::string& value : values) {
        add("r", entity, value);
      }
      if (written.contains(entity)) {
        add(append_ ? "append" : "w", entity, std::to_string(own_number_[at]));
      }
    }
    return out;
  }

  const History& history_;
  bool append_, edn_;
  std::map<TxnId, std::set<Seen>> seen_;
  Lists lists_;
  std::unordered_map<RequestId, TxnId> by_request_;
  std::unordered_map<TxnId, std::uint64_t> numbers_;
  std::vector<std::uint64_t> own_number_;  // By outcome.
  std::uint64_t last_{}, index_{}, values_{};
  std::string out_;
};

}  // namespace

Result<std::string> elle_history(const History& history, ElleModel model, ElleFormat format) {
  return Writer(history, model, format).run();
}

}  // namespace geocommit::verdict
