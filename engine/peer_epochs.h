// The newest epoch heard from each node of the directory. By index, not by tree: it is looked up for every message, and
// in a run of a thousand agents a tree of them is what a message costs most.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "protocols/directory.h"

namespace geocommit {

class PeerEpochs {
 public:
  explicit PeerEpochs(const Directory& directory) : directory_(directory), epochs_(directory.nodes().size()) {}

  /// `node` is of the directory.
  void raise(const NodeInfo* node, Epoch epoch) {
    Epoch& known = epochs_[index(node)];
    known = std::max(known, epoch);
  }
  /// Epoch{}: nothing heard yet.
  [[nodiscard]] Epoch of(NodeId node) const { return epochs_[index(directory_.find(node))]; }
  [[nodiscard]] bool knows(NodeId node) const { return of(node) != Epoch{}; }
  void prefetch(const NodeInfo* node) const { __builtin_prefetch(&epochs_[index(node)]); }
  /// Ascending by id: each(NodeId, Epoch) of every node that has been heard from.
  template <class F>
  void for_each(F&& each) const {
    for (std::size_t i = 0; i < epochs_.size(); ++i) {
      if (epochs_[i] != Epoch{}) {
        each(directory_.nodes()[i].id, epochs_[i]);
      }
    }
  }

 private:
  [[nodiscard]] std::size_t index(const NodeInfo* node) const {
    return static_cast<std::size_t>(node - directory_.nodes().data());
  }
  const Directory& directory_;
  std::vector<Epoch> epochs_;
};

}  // namespace geocommit
