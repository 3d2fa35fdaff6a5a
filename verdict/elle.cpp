#include "verdict/elle.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace geocommit::verdict {
namespace {

/// Of a transaction: which version of an entity it saw. Copies that agree say it once.
using Seen = std::set<std::pair<Entity, TxnId>>;

class Writer {
 public:
  Writer(const History& history, ElleFormat format) : history_(history), edn_(format == ElleFormat::edn) {}

  std::string run() {
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
        if (fact.kind == FactKind::voted_yes && fact.versions.size() == fact.operations.size()) {
          for (std::size_t i = 0; i < fact.operations.size(); ++i) {
            seen_[fact.txn].emplace(fact.operations[i].entity, fact.versions[i]);
          }
        }
        if (fact.kind == FactKind::committed && fact.request != RequestId{}) {
          by_request_.emplace(fact.request, fact.txn);
        }
      }
    }
    for (const ClientOutcome& one : history_.outcomes) {
      for (const ReadValue& read : one.reads) {
        seen_[one.txn].emplace(read.entity, read.version);
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
    for (const auto& [txn, seen] : seen_) {
      for (const auto& [entity, version] : seen) {
        if (version != TxnId{} && numbers_.emplace(version, last_ + 1).second) {
          ++last_;
        }
      }
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

  std::string operations(std::size_t at, bool known) const {
    const ClientOutcome& one = history_.outcomes[at];
    const auto seen = seen_.find(txn_of(one));
    std::string out;
    const auto add = [&](bool read, Entity entity, const std::string& value) {
      out += (out.empty() ? "[" : edn_ ? " [" : ", [");
      out += edn_ ? (read ? ":r " : ":w ") : (read ? "\"r\", " : "\"w\", ");
      out += std::to_string(entity.value) + (edn_ ? " " : ", ") + value + "]";
    };
    std::set<Entity> written, touched;
    for (const Operation& operation : one.operations) {
      touched.insert(operation.entity);
      if (!operation.read) {
        written.insert(operation.entity);
      }
    }
    const std::string nil = edn_ ? "nil" : "null";
    for (const Entity entity : touched) {
      bool said = false;
      if (known && seen != seen_.end()) {
        for (auto it = seen->second.lower_bound({entity, TxnId{}}); it != seen->second.end() && it->first == entity;
             ++it) {
          add(true, entity, it->second == TxnId{} ? nil : std::to_string(numbers_.at(it->second)));
          said = true;
        }
      }
      if (!known || (!said && !written.contains(entity))) {
        add(true, entity, nil);
      }
      if (written.contains(entity)) {
        add(false, entity, std::to_string(own_number_[at]));
      }
    }
    return out;
  }

  const History& history_;
  bool edn_;
  std::map<TxnId, Seen> seen_;
  std::unordered_map<RequestId, TxnId> by_request_;
  std::unordered_map<TxnId, std::uint64_t> numbers_;
  std::vector<std::uint64_t> own_number_;  // By outcome.
  std::uint64_t last_{}, index_{};
  std::string out_;
};

}  // namespace

std::string elle_history(const History& history, ElleFormat format) { return Writer(history, format).run(); }

}  // namespace geocommit::verdict
