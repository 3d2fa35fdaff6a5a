// From what the log gives back to machines that hold their locks (pitfall 8). Nothing is sent.
#pragma once

#include <map>
#include <vector>

#include "engine/execution.h"
#include "engine/machines.h"

namespace geocommit {

class Recovery {
 public:
  Recovery(NodeContext& context, const Services& services, Requester& requester, Transactions& transactions,
           Execution& execution, FinishedMemory& memory)
      : context_(context),
        services_(services),
        requester_(requester),
        transactions_(transactions),
        execution_(execution),
        memory_(memory) {}

  /// A record of the checkpoint, whose effect is in its balances; or one after it.
  void replay(MachineRecord record, bool after_checkpoint);
  /// All has been read: those that are not decided get their machines, and their locks.
  void rebuild();
  /// Their machines are told what they had written.
  void wake();

 private:
  using Records = std::vector<MachineRecord>;
  void rebuild(const TxnKey& key, Records& records);
  void reinstate(TxnEntry& entry, const MachineRecord& described);

  NodeContext& context_;
  const Services& services_;
  Requester& requester_;
  Transactions& transactions_;
  Execution& execution_;
  FinishedMemory& memory_;
  std::map<TxnKey, Records> read_;  // Until rebuild().
  std::vector<TxnKey> to_wake_;
};

}  // namespace geocommit
