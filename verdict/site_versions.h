// Inside the judge of isolation: which versions of which entities each site's log installed, in which order, and which
// of them transactions saw there.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "verdict/history.h"

namespace geocommit::verdict {

/// The transactions of a history by number, in the order in which they were first met.
class TxnTable {
 public:
  static constexpr std::uint32_t kInitial = 0;  ///< The number of nobody, who wrote the initial versions.
  struct Txn {
    TxnId id;
    bool committed{}, aborted{};
  };

  /// With those of which a log or a client says the outcome. A read at one site leaves no record.
  explicit TxnTable(const History& history);
  std::uint32_t number_of(TxnId txn);
  /// Nothing: it has not been met.
  [[nodiscard]] std::optional<std::uint32_t> find(TxnId txn) const;
  [[nodiscard]] const Txn& operator[](std::uint32_t number) const { return txns_[number]; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(txns_.size()); }

 private:
  std::unordered_map<TxnId, std::uint32_t> numbers_;
  std::vector<Txn> txns_;
};

struct Version {
  std::uint32_t writer{};
  std::int64_t value{};  ///< As the writer left it.
  bool shipped{};
};
/// One transaction saw one version at a site, whether it read or wrote.
struct Seen {
  std::uint32_t reader{};
  Entity entity;
  std::uint32_t version{};
  std::optional<std::int64_t> value{};  ///< A read's, by its client's word.
};
struct SiteVersions {
  NodeId node;
  std::unordered_map<Entity, std::vector<Version>> chains;
  std::vector<Seen> seen;
};

/// Follows each whole log: what was installed, in which order, and what was taken back; then what clients were told
/// that they have read.
[[nodiscard]] std::vector<SiteVersions> replay_versions(const History& history, TxnTable& txns);

}  // namespace geocommit::verdict
