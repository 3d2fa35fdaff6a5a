// report.html: a results folder as one page that needs nothing else. report/ has its sources; they are part of the
// program.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace geocommit {

/// The page for this data (report/report_data.h), titled. Nothing of the data can leave its place: it stands in a block
/// of JSON without a single '<'.
[[nodiscard]] std::string html_page(const std::string& title, const nlohmann::ordered_json& data);
/// A page of its own with other scripts' data: `./geocommit compare --html`.
[[nodiscard]] std::string escape_html(std::string_view text);

/// Reads the folder's files and writes its report.html.
[[nodiscard]] Result<void> write_html_report(const std::filesystem::path& folder);

}  // namespace geocommit
