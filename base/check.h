// GC_CHECK: an always-on assertion for broken invariants (a bug in geocommit, never bad input: that is a Result).
#pragma once

namespace geocommit {
/// Prints file, line and the condition to stderr, and aborts the process.
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const char* note) noexcept;
}  // namespace geocommit

#define GC_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::geocommit::check_failed(#condition, __FILE__, __LINE__, ""))
#define GC_CHECK_NOTE(condition, note) \
  (static_cast<bool>(condition) ? void(0) : ::geocommit::check_failed(#condition, __FILE__, __LINE__, note))
