#include "runtime/faults/listener.h"

#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <thread>
#include <utility>
#include <zmq.hpp>

#include "runtime/wire/fault_codec.h"

namespace geocommit {
namespace {
constexpr std::int64_t kReportBytesMax = 64 << 10;
constexpr std::chrono::milliseconds kStopInterval{50};  // how soon the thread sees that it is to end
}  // namespace

class FaultListener::Impl {
 public:
  explicit Impl(Callback callback) : callback_(std::move(callback)), router_(context_, zmq::socket_type::router) {}
  ~Impl() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  Result<void> open(const std::string& address) {
    try {
      router_.set(zmq::sockopt::linger, 100);
      router_.set(zmq::sockopt::maxmsgsize, kReportBytesMax);
      router_.set(zmq::sockopt::handshake_ivl, 2'000);
      router_.bind(address);
      address_ = router_.get(zmq::sockopt::last_endpoint);
    } catch (const zmq::error_t& problem) {
      return Error{"cannot listen for faults on " + address + ": " + problem.what()};
    }
    thread_ = std::thread{[this] { serve(); }};
    return {};
  }

  std::string address_;

 private:
  void serve() {
    std::array<zmq::pollitem_t, 1> items{{{router_.handle(), 0, ZMQ_POLLIN, 0}}};
    while (!stop_) {
      try {
        if (zmq::poll(items, kStopInterval) > 0) {
          take();
        }
      } catch (const zmq::error_t& problem) {
        if (problem.num() != EINTR) {
          spdlog::error("fault listener: {}", problem.what());
          return;
        }
      }
    }
  }

  void take() {
    zmq::message_t identity, body, rest;
    if (!router_.recv(identity, zmq::recv_flags::dontwait)) {
      return;
    }
    int parts = 1;
    for (bool more = identity.more(); more; ++parts) {
      zmq::message_t& next = parts == 1 ? body : rest;
      (void)router_.recv(next, zmq::recv_flags::dontwait);
      more = next.more();
    }
    std::uint64_t sequence = 0;
    const Result<FaultReport> report = parts == 2 ? decode_fault_report(body.to_string_view(), sequence)
                                                  : Result<FaultReport>{Error{"a message of the wrong shape"}};
    if (!report) {
      spdlog::warn("fault listener: {}", report.error().message);
      return;
    }
    callback_(report.value());
    if (report.value().ended) {
      return;
    }
    const std::string answer = encode_fault_answer(sequence);
    (void)router_.send(identity, zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    (void)router_.send(zmq::message_t{answer.data(), answer.size()}, zmq::send_flags::dontwait);
  }

  Callback callback_;
  zmq::context_t context_{1};
  zmq::socket_t router_;  // the thread's, once it runs
  std::atomic<bool> stop_{};
  std::thread thread_;
};

Result<std::unique_ptr<FaultListener>> FaultListener::open(const std::string& address, Callback callback) {
  try {
    auto impl = std::make_unique<Impl>(std::move(callback));
    if (Result<void> opened = impl->open(address); !opened) {
      return opened.error();
    }
    return std::unique_ptr<FaultListener>{new FaultListener(std::move(impl))};
  } catch (const zmq::error_t& problem) {
    return Error{std::string{"cannot make a socket: "} + problem.what()};
  }
}

FaultListener::FaultListener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FaultListener::~FaultListener() = default;
const std::string& FaultListener::address() const { return impl_->address_; }

}  // namespace geocommit
