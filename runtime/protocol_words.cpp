#include "runtime/protocol_words.h"

#include <iterator>
#include <sstream>
#include <vector>

#include "protocols/registry.h"

namespace geocommit {

std::string text_of_options(const std::string& protocol, const ProtocolOptions& options) {
  const Protocol* row = find_protocol(protocol);
  return row == nullptr ? "" : text_of(row->options, options);
}

void read_protocol_options(const std::string& protocol, const std::string& text, ProtocolOptions& out,
                           std::optional<Error>& problem) {
  std::istringstream stream(text);
  const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  const Protocol* row = find_protocol(protocol);
  const auto read = read_options(protocol, row != nullptr ? row->options : OptionTable{}, words);
  if (read) {
    out = *read;
  } else if (!problem) {
    problem = Error{"options: " + read.error().message};
  }
}

}  // namespace geocommit
