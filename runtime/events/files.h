// Event logs on disk: a node writes `events.bin` (what is kept) and `events.window` (the recent past, a mapped ring, so
// that a SIGKILL loses none of it); the runner settles the two when a cell has been judged; `./geocommit trace` reads.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/events/event.h"
#include "runtime/events/event_log.h"

namespace geocommit {

inline constexpr const char* kEventsFile = "events.bin";
inline constexpr const char* kEventsWindowFile = "events.window";

/// The two files of a node that runs. What an earlier process of the node left is continued; its torn last record is
/// cut off. A write that fails is dropped, and so is everything after it: no transaction ever depends on it.
class EventFiles {
 public:
  /// Without room for the window's file the window is in memory.
  [[nodiscard]] static Result<std::unique_ptr<EventFiles>> open(const std::filesystem::path& folder, NodeId node,
                                                                const TraceSettings& settings);
  ~EventFiles();
  EventFiles(const EventFiles&) = delete;
  EventFiles& operator=(const EventFiles&) = delete;

  [[nodiscard]] EventWindow window();
  void append(const Event* events, std::size_t count);
  [[nodiscard]] std::size_t kept_bytes() const;

 private:
  class Impl;
  explicit EventFiles(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// All that there is of one node, in the order of time, each event once.
struct NodeEvents {
  NodeId node;
  std::vector<Event> events;
  std::map<std::uint32_t, std::string> names;
  bool full{};  ///< The limit was reached: later events are missing.
  bool torn{};  ///< The last record is incomplete (a killed process) and left out.
};
/// An error if there is no event log in `folder`, or it is none. Of the window, if it is still there, what `wanted`
/// asks for.
[[nodiscard]] Result<NodeEvents> read_events(const std::filesystem::path& folder,
                                             const std::function<bool(const TxnId&)>& wanted);

/// Moves what `wanted` asks for out of the window into events.bin, and removes the window. Harmless without one.
[[nodiscard]] Result<void> settle_events(const std::filesystem::path& folder,
                                         const std::function<bool(const TxnId&)>& wanted);

/// A whole events.bin at once, as sim/ has it.
[[nodiscard]] Result<void> write_events(const std::filesystem::path& folder, NodeId node,
                                        const std::vector<Event>& events);

}  // namespace geocommit
