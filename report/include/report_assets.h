// The files of report/, by the names that template.html uses; made by report/embed.cmake.
#pragma once

#include <cstddef>
#include <string_view>

namespace geocommit {

/// "template.html", "css", "js", "uplot_css", "uplot_js", "land", "schema_experiment", "schema_topology", "starter", "completion_bash";
/// empty for any other name.
[[nodiscard]] std::string_view report_asset(std::string_view name);

}  // namespace geocommit
