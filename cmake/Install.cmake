# `cmake --install`, and the .deb that CPack makes of the same rules. The programs keep the folders of the build, as they find each other by
# them; bin/geocommit is the script of the source tree, which sees that it is installed. Nothing built in knows the prefix.
set(programs geocommit-runner:runner geocommit-agent:agent geocommit-coordinator:coordinator geocommit-client:client geocommit-router:wan
  geocommit-report:report geocommit-trace:report geocommit-sim:sim geocommit-explore:sim/explore)
foreach(entry ${programs})
  string(REPLACE ":" ";" entry ${entry})
  list(GET entry 0 program)
  list(GET entry 1 folder)
  install(TARGETS ${program} RUNTIME DESTINATION libexec/geocommit/${folder})
endforeach()
install(PROGRAMS geocommit DESTINATION bin)
install(DIRECTORY experiments topologies DESTINATION share/geocommit FILES_MATCHING PATTERN "*.yaml" PATTERN rtt EXCLUDE)
install(DIRECTORY dashboards/grafana dashboards/provisioning dashboards/rules DESTINATION share/geocommit/dashboards)
install(FILES dashboards/compose.yaml dashboards/README.md DESTINATION share/geocommit/dashboards)
install(FILES README.md CHANGELOG.md DESTINATION share/doc/geocommit)
install(DIRECTORY docs DESTINATION share/doc/geocommit)

# The terms of what is compiled in: the report page's script and coastlines, and Debian packages that are headers only.
install(FILES packaging/copyright DESTINATION share/doc/geocommit)
install(FILES report/vendor/uPlot.LICENSE report/vendor/land.LICENSE DESTINATION share/doc/geocommit/notices)
foreach(package libcli11-dev nlohmann-json3-dev libspdlog-dev libfmt-dev cppzmq-dev)
  install(FILES /usr/share/doc/${package}/copyright DESTINATION share/doc/geocommit/notices RENAME ${package} OPTIONAL)
endforeach()

# What the programs themselves say: completion and man page.
install(CODE "
  set(to \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  file(MAKE_DIRECTORY \${to}/share/bash-completion/completions \${to}/share/man/man1)
  execute_process(COMMAND ${CMAKE_BINARY_DIR}/report/geocommit-report completion bash
    OUTPUT_FILE \${to}/share/bash-completion/completions/geocommit COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/man-page \${to}/bin/geocommit
    OUTPUT_FILE \${to}/share/man/man1/geocommit.1 COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND git rev-parse HEAD WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    OUTPUT_FILE \${to}/share/geocommit/COMMIT ERROR_QUIET)")

set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME geocommit)
set(CPACK_PACKAGE_CONTACT "geocommit, whose source tree this was built from")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "real commits over an emulated WAN, measured and compared")
set(CPACK_PACKAGE_DESCRIPTION_FILE ${CMAKE_SOURCE_DIR}/packaging/description)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "bash, coreutils, sed")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, bash-completion")
include(CPack)
