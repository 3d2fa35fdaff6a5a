// The language of *.trace files: `#` comments and `>` commands are kept, everything else is what must come out.
//
//   > use PROTOCOL SITES [OPTION=VALUE]  C and P1..Pn; must come first
//   > begin | wound | run [MS]          run without a number: until nothing is left to happen (at most 60 s)
//   > run until blocked                 10 s of waiting: for what cannot finish yet
//   > vote P no [lock_timeout] | vote P read_only | vote P yes
//                                       no: from its next start on it cannot pay; read_only: before `begin`
//   > execution P held|done             forces P held|done
//   > crash N (unsynced records are lost) | restart N | erase N (while down: log too) | sync N (all is durable)
//   > at N POINT COMMAND...             before the rest of the outputs of the step that notes POINT
//   > cut N,.. | N,..  (both ways)      cut N -> N (one way)      heal
//   > drop|twice|hold KIND N N [COUNT]  KIND may be *             pass (ends these)     release (what is held)
//   > replay KIND N N                   the last such message, once more
//   > delay N N MS (both ways)          force MS          timeouts VOTE DECISION RESEND
//   > state                             describe() of every machine
//   > finish [split|blocked]            heal, restart all, drain; then everything must be decided and released.
//                                       split: both outcomes are expected; blocked: sites left in doubt are.
//                                       delays: as C's engine counts them; 0 if it has not decided in one life
//   > directory replicated|partitioned SITES KEYS REGION...
//   > route PROTOCOL ORIGIN OPERATION...    OPERATION: +ENTITY writes, ENTITY reads
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "protocols/registry.h"

namespace geocommit::trace {

struct ScriptResult {
  std::string text;                     ///< The file as it should be.
  std::vector<std::string> errors;      ///< Commands that were not understood.
  std::vector<std::string> violations;  ///< Of invariants, the expected ones left out.
  bool finished{};                      ///< `finish` was reached (or the file is about routes).
};

/// Runs the commands of a file. Planted mutants: `instead`, a row to take for `use` whatever it names; `parts` of the
/// engines.
[[nodiscard]] ScriptResult run_script(const std::string& file, const Protocol* instead = nullptr,
                                      const EngineParts& parts = {});

}  // namespace geocommit::trace
