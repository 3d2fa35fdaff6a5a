#include "report/html_report.h"

#include "os/files.h"
#include "report/report_data.h"
#include "report_assets.h"

namespace geocommit {
namespace {

constexpr std::size_t kPageBytesMax = 1'950'000;

/// JSON that can stand inside <script>: '<' only occurs inside strings there, where \u003c says the same.
std::string json_for_script(const Json& data) {
  std::string out;
  for (const char c : data.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

/// What a reader without scripts gets: the findings, as text.
std::string plain_findings(const Json& data) {
  std::string out;
  const auto findings = data.find("findings");
  if (findings == data.end() || !findings->is_array()) return out;
  for (const Json& one : *findings) out += "<li>" + escape_html(one.value("text", "")) + "</li>\n";
  return out;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_page(const std::string& title, const Json& data) {
  // One pass over the template, so that a placeholder inside what is put in stays text.
  const std::string_view page = report_asset("template.html");
  std::string out;
  std::size_t at = 0;
  while (at < page.size()) {
    const std::size_t open = page.find("{{", at);
    const std::size_t close = open == std::string_view::npos ? open : page.find("}}", open);
    if (close == std::string_view::npos) break;
    out += page.substr(at, open - at);
    const std::string_view name = page.substr(open + 2, close - open - 2);
    if (name == "title") {
      out += escape_html(title);
    } else if (name == "data") {
      out += json_for_script(data);
    } else if (name == "findings") {
      out += plain_findings(data);
    } else {
      out += report_asset(name);
    }
    at = close + 2;
  }
  out += page.substr(at);
  return out;
}

Result<void> write_html_report(const std::filesystem::path& folder) {
  auto data = report_data(folder);
  if (!data) return data.error();
  const Json& summary = (*data)["summary"];
  const std::string name = summary.value("name", "run");
  std::string page = html_page(name + " - geocommit", *data);
  // Each part has its share of the bound; all at their largest may still pass it together.
  for (const char* part : {"traces", "series", "topologies", "experiment"}) {
    if (page.size() <= kPageBytesMax) break;
    (*data)[part] = Json((*data)[part].type());
    (*data)["limits"].push_back(std::string("This page has no ") + part + ": it would be too large.");
    page = html_page(name + " - geocommit", *data);
  }
  return write_file(folder / "report.html", page);
}

}  // namespace geocommit
