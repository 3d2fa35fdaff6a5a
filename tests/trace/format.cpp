#include <cstdio>

#include "tests/trace/world.h"

namespace geocommit::trace {

std::string in_ms(Duration duration) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", to_ms(duration));
  return buffer;
}

std::string text_of(const Protocol& protocol, const Message& message) {
  std::string text(protocol.kind_name(message.kind));
  const auto field = [&text](std::string_view name, std::string_view value) {
    text.append(" ").append(name).append("=").append(value);
  };
  if (message.vote != Vote::none) {
    field("vote", name_of(message.vote));
  }
  if (message.outcome != Outcome::undecided) {
    field("outcome", name_of(message.outcome));
  }
  if (message.state != SiteState::unknown) {
    field("state", name_of(message.state));
  }
  if (message.reason != Reason::none) {
    field("reason", name_of(message.reason));
  }
  if (message.ballot.value != 0) {
    field("ballot", std::to_string(message.ballot.value));
  }
  if (message.to_epoch.value != 0) {
    field("epoch", std::to_string(message.to_epoch.value));
  }
  if (message.retry) {
    text += " retry";
  }
  return text;
}

std::string text_of(const Protocol& protocol, const LogRecord& record) {
  std::string text(protocol.record_name(record.kind));
  if (record.ballot.value != 0) {
    text += " ballot=" + std::to_string(record.ballot.value);
  }
  if (record.reason != Reason::none) {
    text.append(" reason=").append(name_of(record.reason));
  }
  if (!record.sites.empty()) {
    text += " sites=";
    for (const NodeId site : record.sites) {
      text += (text.back() == '=' ? "P" : ",P") + std::to_string(site.value);
    }
  }
  return text;
}

}  // namespace geocommit::trace
