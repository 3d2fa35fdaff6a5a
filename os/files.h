// Files of the results folder. Whole files are replaced in one step (temporary file, rename), so that a reader or a
// Ctrl-C never sees half of one; series are appended and flushed line by line.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace geocommit {

[[nodiscard]] Result<void> write_file(const std::filesystem::path& file, std::string_view text);
/// Makes the folder and its parents.
[[nodiscard]] Result<void> make_folder(const std::filesystem::path& folder);

/// Appends lines to a file; each is handed to the kernel at once.
class LineFile {
 public:
  [[nodiscard]] static Result<LineFile> open(const std::filesystem::path& file);
  /// Without the newline. A full disk is reported once, by the return value.
  [[nodiscard]] Result<void> line(std::string_view text);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::string name_;
};

/// A field of a CSV file: quoted where it must be (RFC 4180).
[[nodiscard]] std::string csv(std::string_view field);

/// The text, with U+FFFD in place of each byte that is not UTF-8: the names of files are any bytes, JSON and labels are
/// not.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// The path if it is a folder, else the nearest of those that it would be made in: on the same disk.
[[nodiscard]] std::filesystem::path nearest_folder(const std::filesystem::path& path);

/// Median of some small forced writes (fdatasync) in this folder: what a forced write costs on this disk. Leaves
/// nothing.
[[nodiscard]] Result<Duration> measure_forced_write(const std::filesystem::path& folder);

}  // namespace geocommit
