# Makes report_assets.cpp from the files of the report: cmake -DOUT=FILE -DROOT=report/ -P embed.cmake
# Assets: the template, and by the names that it uses: css, js (ours, one after another), uplot_css, uplot_js, land;
# the schemas and the starter of ../schema, and the shell completion.
function(asset name)
  set(bytes "")
  foreach(file ${ARGN})
    file(READ ${ROOT}/${file} hex HEX)
    string(APPEND bytes "${hex}")
  endforeach()
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "[^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n][^\n]"
         "\\0\n" bytes "${bytes}")
  string(MAKE_C_IDENTIFIER "${name}" id)
  file(APPEND ${OUT}.new "const unsigned char k_${id}[] = {\n${bytes}0};\n")
  set(rows "${rows}  if (name == \"${name}\") return view(k_${id}, sizeof k_${id} - 1);\n" PARENT_SCOPE)
endfunction()

file(GLOB scripts RELATIVE ${ROOT} ${ROOT}/js/*.js)
list(SORT scripts)
file(WRITE ${OUT}.new "// Made by report/embed.cmake.\n#include \"report_assets.h\"\n\nnamespace geocommit {\nnamespace {\n")
asset(template.html template.html)
asset(css report.css)
asset(js ${scripts})
asset(uplot_css vendor/uPlot.min.css)
asset(uplot_js vendor/uPlot.iife.min.js)
asset(land vendor/land.path)
asset(schema_experiment ../schema/experiment.schema.json)
asset(schema_topology ../schema/topology.schema.json)
asset(starter ../schema/starter.yaml)
asset(completion_bash completion.bash)
file(APPEND ${OUT}.new "std::string_view view(const unsigned char* bytes, std::size_t size) {\n"
     "  return {reinterpret_cast<const char*>(bytes), size};  // NOLINT: bytes of a file as text\n}\n}  // namespace\n\n"
     "std::string_view report_asset(std::string_view name) {\n${rows}  return {};\n}\n\n}  // namespace geocommit\n")
file(RENAME ${OUT}.new ${OUT})
