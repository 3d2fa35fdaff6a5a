// The machines of a node: one step at a time, and what its outputs do.
#pragma once

#include <string>
#include <vector>

#include "engine/execution.h"
#include "engine/memory.h"
#include "engine/service.h"
#include "engine/transactions.h"

namespace geocommit {

/// To whom is told what becomes of the transactions that this node coordinates.
class Requester {
 public:
  virtual ~Requester() = default;
  virtual void decided(TxnEntry& entry, Outcome outcome, Reason reason) = 0;
  virtual void forgotten(const TxnEntry& entry) = 0;
  /// Read from the log: decided, or (undecided) open again.
  virtual void recovered(const TxnEntry& entry, Outcome outcome) = 0;
};

class Machines {
 public:
  Machines(NodeContext& context, const Services& services, Requester& requester, Transactions& transactions,
           Execution& execution, FinishedMemory& memory)
      : context_(context),
        services_(services),
        requester_(requester),
        transactions_(transactions),
        execution_(execution),
        memory_(memory) {}

  /// Steps machines until none has an input left. Harmless within itself.
  void drain();
  void timer_fired(const MachineTimer& timer, TimerToken token);

 private:
  void step(TxnEntry& entry, const Input& input);
  void perform(TxnEntry& entry, Send& output);
  void perform(TxnEntry& entry, ForceLog& output);
  void perform(TxnEntry& entry, AppendLog& output);
  void perform(TxnEntry& entry, SetTimer& output);
  void perform(TxnEntry& entry, CancelTimer& output);
  void perform(TxnEntry& entry, Execute& output);
  void perform(TxnEntry& entry, ReleaseLocks& output);
  void perform(TxnEntry& entry, Decide& output);
  void perform(TxnEntry& entry, Forget& output);
  void perform(TxnEntry& entry, Note& output);
  [[nodiscard]] MachineRecord make_record(TxnEntry& entry, const LogRecord& record);
  void cancel_timer(TxnEntry& entry, std::uint8_t timer);
  void note_in_doubt(TxnEntry& entry);
  void remove(TxnEntry& entry);

  NodeContext& context_;
  const Services& services_;
  Requester& requester_;
  Transactions& transactions_;
  Execution& execution_;
  FinishedMemory& memory_;
  bool draining_{};
  Outbox outbox_;
};

}  // namespace geocommit
