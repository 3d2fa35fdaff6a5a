// Builds one rtnetlink request in a buffer: header, family header, nested attributes (netlink(7), rtnetlink(7)).
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace geocommit {

class NetlinkMessage {
 public:
  template <class Body>
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, const Body& body) : buffer_(NLMSG_HDRLEN) {
    auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data());
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&body, sizeof body);
  }
  void attribute(std::uint16_t type, const void* data, std::size_t size) {
    const rtattr head{static_cast<unsigned short>(RTA_LENGTH(size)), type};
    append(&head, sizeof head);
    append(data, size);
  }
  void text(std::uint16_t type, const std::string& value) { attribute(type, value.c_str(), value.size() + 1); }
  void number(std::uint16_t type, std::uint32_t value) { attribute(type, &value, sizeof value); }
  [[nodiscard]] std::size_t begin(std::uint16_t type) {
    const std::size_t at = buffer_.size();
    attribute(type, nullptr, 0);
    return at;
  }
  void end(std::size_t at) {
    reinterpret_cast<rtattr*>(buffer_.data() + at)->rta_len = static_cast<unsigned short>(buffer_.size() - at);
  }
  void append(const void* data, std::size_t size) {
    if (size > 0) {
      const auto* bytes = static_cast<const std::byte*>(data);
      buffer_.insert(buffer_.end(), bytes, bytes + size);
    }
    while (buffer_.size() % NLMSG_ALIGNTO != 0) buffer_.push_back(std::byte{0});
  }
  [[nodiscard]] nlmsghdr* finish(std::uint32_t sequence) {
    auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data());
    header->nlmsg_len = static_cast<std::uint32_t>(buffer_.size());
    header->nlmsg_seq = sequence;
    return header;
  }

 private:
  std::vector<std::byte> buffer_;
};

}  // namespace geocommit
