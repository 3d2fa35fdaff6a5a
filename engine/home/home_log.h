// One home's writes at one site: numbered, in order, the same on every site as far as each has got. The master appends,
// the others apply what it ships. What every site has confirmed is dropped; what is kept can be shipped again by the
// next master, and undone where the next master never had it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "engine/peer_message.h"

namespace geocommit {

/// The newest term whose beginning a log of this history holds, if it ends at `end`: who follows a master and has not
/// got what that one began with is no further than the term before.
[[nodiscard]] HomeEpoch reached(const HomeHistory& history, std::uint64_t end);

class HomeLog {
 public:
  explicit HomeLog(HomeEpoch first) : history_{{first, 0}} {}

  /// What a checkpoint keeps of it.
  void restore(HomeHistory history, std::uint64_t last, std::vector<ShippedWrite> retained);
  /// The next in order; it need not be durable yet.
  void append(ShippedWrite write);
  /// Writes up to here are on stable storage.
  void set_durable(std::uint64_t sequence);
  /// Every site has everything up to here, durably: no future master can lack it.
  void confirm(std::uint64_t sequence);

  /// Up to where this log and one with `other` as its history are the same.
  [[nodiscard]] std::uint64_t common_with(const HomeHistory& other) const;
  /// ... and one that ends at `last`.
  [[nodiscard]] std::uint64_t common_with(const HomeHistory& other, std::uint64_t last) const;
  /// Takes off what lies after `keep`, newest first. `keep` is never below what is confirmed.
  [[nodiscard]] std::vector<ShippedWrite> cut_to(std::uint64_t keep);
  /// From now on writes are of `epoch` (the own, as master).
  void begin_term(HomeEpoch epoch);
  /// Follows another master: its history. What it has not in common is cut before.
  void adopt(HomeHistory history) { history_ = std::move(history); }

  [[nodiscard]] const HomeHistory& history() const { return history_; }
  [[nodiscard]] HomeEpoch epoch() const { return history_.back().epoch; }
  /// The term in which a write was accepted.
  [[nodiscard]] HomeEpoch epoch_at(std::uint64_t sequence) const;
  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] std::uint64_t durable() const { return durable_; }
  [[nodiscard]] HomePosition position() const { return {reached(history_, durable_), durable_}; }
  [[nodiscard]] std::uint64_t confirmed() const { return last_ - retained_.size(); }
  [[nodiscard]] const std::deque<ShippedWrite>& retained() const { return retained_; }

 private:
  HomeHistory history_;                // Never empty.
  std::deque<ShippedWrite> retained_;  // Gapless, ending with last_.
  std::uint64_t last_{}, durable_{};
};

}  // namespace geocommit
