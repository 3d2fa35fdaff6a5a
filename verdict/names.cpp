#include "verdict/check.h"

namespace geocommit {

std::string_view name_of(ViolationClass violation) {
  switch (violation) {
    case ViolationClass::split_outcome:
      return "split_outcome";
    case ViolationClass::told_commit_but_aborted:
      return "told_commit_but_aborted";
    case ViolationClass::commit_without_all_yes:
      return "commit_without_all_yes";
    case ViolationClass::lost_acknowledged_write:
      return "lost_acknowledged_write";
    case ViolationClass::money_not_conserved:
      return "money_not_conserved";
    case ViolationClass::told_abort_but_committed:
      return "told_abort_but_committed";
    case ViolationClass::executed_twice:
      return "executed_twice";
    case ViolationClass::negative_balance:
      return "negative_balance";
    case ViolationClass::isolation_anomaly:
      return "isolation_anomaly";
  }
  return "?";
}

std::string_view name_of(Judgement judgement) {
  switch (judgement) {
    case Judgement::pass:
      return "pass";
    case Judgement::violation:
      return "violation";
    case Judgement::unknown:
      return "unknown";
  }
  return "?";
}

}  // namespace geocommit
