// Envelope <-> PeerMessage. The writer collects the items for one peer; the reader refuses whatever is not exactly an
// envelope of this version and run, and keeps memory bounded whatever it is fed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/peer_message.h"
#include "runtime/drop.h"

namespace geocommit {

inline constexpr std::uint32_t kWireVersion = 2;
inline constexpr std::size_t kEnvelopeItemsMax = 4'096;
inline constexpr std::size_t kEnvelopeElementsMax = 200'000;  ///< Fields at all depths; about 200 B of memory each.
inline constexpr std::size_t kRunIdBytesMax = 128;

/// Collects items for one peer. Reuses its memory: no allocation in the steady state.
class EnvelopeWriter {
 public:
  EnvelopeWriter(std::string run_id, NodeId from, Epoch from_epoch);
  ~EnvelopeWriter();
  EnvelopeWriter(EnvelopeWriter&&) noexcept;

  /// Adds an item; its encoded size in bytes, with its own tag and length.
  std::size_t add(const PeerPayload& payload);
  /// Takes the last added item back (it was too large).
  void drop_last(std::size_t its_bytes);
  [[nodiscard]] std::size_t items() const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  ///< Of the items.
  /// Size of the whole frame with this watermark; then serialize() into exactly so many bytes, and clear().
  [[nodiscard]] std::size_t seal(Watermark watermark);
  void serialize(void* to, std::size_t size) const;
  void clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::size_t bytes_{};
};

struct Refusal {
  Drop cause{Drop::garbage};
  std::string_view why;  ///< Static.
};

/// Reuses its memory between frames.
class EnvelopeReader {
 public:
  EnvelopeReader(std::string run_id, NodeId self);
  ~EnvelopeReader();
  /// All items of the frame, or none and the reason. `out` is cleared first.
  [[nodiscard]] std::optional<Refusal> read(std::string_view frame, std::vector<PeerMessage>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace geocommit
