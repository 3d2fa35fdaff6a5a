// Faulty parts for an engine, for the simulator and for agents that only tests build. Never linked into the product.
#pragma once

#include <span>
#include <string_view>

#include "engine/engine.h"

namespace geocommit::planted {

struct Variant {
  std::string_view name;
  std::string_view what;
  EngineParts parts;
};
[[nodiscard]] std::span<const Variant> variants();
/// nullptr: there is none.
[[nodiscard]] const Variant* find_variant(std::string_view name);

}  // namespace geocommit::planted
