// Several threads look ahead: at what the states whose turn comes next lead to, as far as the tables know it already.
//
// A search has an order: states are searched on as they were met, and tables are filled on the way. Who goes in that
// order is one thread, always the same. The others only look things up, in tables and a visited set that stand still
// meanwhile; where something is not known yet, or is to be reported, they leave the state to the one. So whatever their
// number, a search meets the same states in the same order, fills the same tables, and ends at the same place.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "sim/explore/crew.h"
#include "sim/explore/visited.h"

namespace geocommit::explore {

/// What was found out about a state.
struct Foreseen {
  bool known{};  ///< All of it, and nothing is to be reported.
  bool rests{}, reduced{}, commits{}, aborts{};
  std::uint32_t transitions{};
};

class Ahead {
 public:
  /// States that one leads to. Those that were met before are left out.
  class Notes {
   public:
    explicit Notes(const Visited& visited) : visited_(&visited) {}
    void add(std::string_view bytes);

   private:
    friend Ahead;
    struct Next {
      std::uint64_t hash;
      std::uint32_t begin, size;
    };
    void clear();
    void end_state(const Foreseen& what);

    const Visited* visited_;
    std::size_t begin_{};  ///< Of the state's, in next_.
    std::vector<Next> next_;
    std::vector<char> bytes_;
    struct Of {
      Foreseen what;
      std::size_t begin, end;  ///< In next_.
    };
    std::vector<Of> states_;
  };
  /// May throw Unknown. Several threads call it at once, each with its own number.
  using Look = std::function<Foreseen(std::size_t worker, std::string_view state, Notes& notes)>;

  Ahead(std::size_t threads, const Visited& visited) : crew_(threads), visited_(visited) {}

  [[nodiscard]] std::size_t workers() const { return crew_.size(); }
  /// Is it time to look, at so many states?
  [[nodiscard]] bool wants(std::uint64_t states) const {
    return workers() > 1 && at_ == places_.size() && states >= kLeast * workers();
  }
  void look(Visited::Place from, std::uint64_t states, const Look& look);
  /// The next state's; nullptr: nobody has looked at it.
  [[nodiscard]] const Foreseen* take();
  /// f(bytes, hash) of the states that the one taken leads to, in order.
  template <class F>
  void for_each_next(const F& f) const {
    const Notes& notes = notes_[(at_ - 1) / kGroup];
    const auto& of = notes.states_[(at_ - 1) % kGroup];
    for (std::size_t i = of.begin; i < of.end; ++i) {
      if (i + 4 < of.end) {
        visited_.prefetch(notes.next_[i + 4].hash);
      }
      f(std::string_view(notes.bytes_.data() + notes.next_[i].begin, notes.next_[i].size), notes.next_[i].hash);
    }
  }

 private:
  static constexpr std::size_t kLeast = 64, kMost = 8192;  // States.
  /// Of states that one thread looks at: neighbours ask for much the same, which it remembers.
  static constexpr std::size_t kGroup = 256;

  Crew crew_;
  const Visited& visited_;
  std::vector<Visited::Place> places_;  ///< Of those looked at.
  std::size_t at_{};                    ///< So many of them are taken.
  std::vector<Notes> notes_;            ///< By groups of kGroup.
};

}  // namespace geocommit::explore
