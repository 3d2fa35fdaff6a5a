#include "base/identifier.h"

#include <algorithm>

namespace geocommit {
namespace {

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_name(std::string_view text, std::string_view marks, std::size_t longest) {
  const auto allowed = [marks](char c) { return is_word(c) || marks.find(c) != std::string_view::npos; };
  return !text.empty() && text.size() <= longest && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

bool is_identifier(std::string_view text) { return is_name(text, "._-", 64); }
bool is_path_component(std::string_view text) { return is_name(text, "._-@", 200); }

}  // namespace geocommit
