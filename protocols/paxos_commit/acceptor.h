// An acceptor of one transaction (Gray and Lamport 2006, section 4.1; Lamport: The Part-Time Parliament, 1998). A
// value: it asks for nothing, and says what is to be forced or answered.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "protocols/machine.h"

namespace geocommit::paxos_commit {

/// What a ballot is for. One value stands for all N instances: an acceptor accepts ballot 0 for all of them at once,
/// when it has every site's vote, and a later leader proposes for all of them at once.
enum class Value : std::uint8_t { none, commit, abort };

class Acceptor {
 public:
  enum class Does : std::uint8_t {
    nothing,  ///< It is being forced already.
    force,    ///< To be forced; answered once that is durable (forced()).
    answer,   ///< It is durable already.
    refuse,   ///< It has promised a later ballot.
  };
  /// What has become durable.
  struct Durable {
    Ballot ballot;
    bool accepted{};  ///< Else promised.
    bool stands{};    ///< Nothing later has come meanwhile: it may be told.
  };

  /// Phase 1a.
  Does lead(Ballot ballot);
  /// Phase 2a; ballot 0: every vote is in.
  Does propose(Ballot ballot, Value value);
  /// The oldest that was to be forced is durable.
  Durable forced();
  [[nodiscard]] bool is_forcing() const { return !forcing_.empty(); }
  void recovered(const std::vector<LogRecord>& durable);

  [[nodiscard]] Ballot promised() const { return promised_; }
  [[nodiscard]] Ballot accepted() const { return accepted_; }  ///< In which; of value(), if that is one.
  [[nodiscard]] Value value() const { return value_; }
  void encode(std::string& out) const;

 private:
  struct Forcing {
    Ballot ballot;
    bool accepted{};
    bool operator==(const Forcing&) const = default;
  };
  Does ask(const Forcing& wanted);

  Ballot promised_, accepted_;
  Value value_{Value::none};
  std::deque<Forcing> forcing_;  // In the order in which it was asked for.
};

}  // namespace geocommit::paxos_commit
