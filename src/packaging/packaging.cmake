# packaging.cmake: what `cmake --install` puts where, and the Debian packages of `cpack -G DEB`.
include(CMakePackageConfigHelpers)

set(MR_PAGES ${CMAKE_CURRENT_BINARY_DIR}/pages)
set(MR_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)

install(TARGETS millrace RUNTIME COMPONENT tool)
install(TARGETS millrace_shared EXPORT millrace-targets LIBRARY COMPONENT library NAMELINK_COMPONENT dev)
install(TARGETS millrace_static EXPORT millrace-targets ARCHIVE COMPONENT dev)
set_target_properties(millrace_shared PROPERTIES EXPORT_NAME millrace)
set_target_properties(millrace_static PROPERTIES EXPORT_NAME static)
install(DIRECTORY include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)

# For pkg-config and CMake: both find the rest from where they are themselves.
file(RELATIVE_PATH MR_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
set(MR_PC ${CMAKE_CURRENT_BINARY_DIR}/millrace.pc)
configure_file(src/packaging/millrace.pc.in ${MR_PC} @ONLY)
install(FILES ${MR_PC} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
install(EXPORT millrace-targets NAMESPACE millrace:: DESTINATION ${MR_CMAKE_DIR} COMPONENT dev)
configure_package_config_file(src/packaging/millrace-config.cmake.in millrace-config.cmake
                              INSTALL_DESTINATION ${MR_CMAKE_DIR})
write_basic_package_version_file(millrace-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/millrace-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/millrace-config-version.cmake
        DESTINATION ${MR_CMAKE_DIR} COMPONENT dev)

# Manual and completions: the tool writes them from its own tables; pages of the manual are compressed where gzip is.
find_program(MR_GZIP gzip)
set(made "")
# mr_page(FILE DIRECTORY COMPONENT DEPENDENCY COMMAND...): what COMMAND writes, as a file of the share directory.
function(mr_page file directory component dependency)
  set(page ${MR_PAGES}/${directory}/${file})
  set(compress "")
  if(MR_GZIP AND directory MATCHES "^man/")
    set(compress COMMAND ${MR_GZIP} -9nkf ${page})
  endif()
  file(MAKE_DIRECTORY ${MR_PAGES}/${directory})
  add_custom_command(OUTPUT ${page} COMMAND ${ARGN} > ${page} ${compress} DEPENDS ${dependency} VERBATIM)
  set(made ${made} ${page} PARENT_SCOPE)
  if(compress)
    string(APPEND page .gz)
  endif()
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/${directory} COMPONENT ${component})
endfunction()
if(NOT CMAKE_CROSSCOMPILING)
  mr_page(millrace.1 man/man1 tool millrace millrace help man)
  mr_page(millrace bash-completion/completions tool millrace millrace help bash)
  mr_page(_millrace zsh/vendor-completions tool millrace millrace help zsh)
  mr_page(millrace.fish fish/vendor_completions.d tool millrace millrace help fish)
endif()
# A page for each public header, from its comments.
set(script ${CMAKE_CURRENT_SOURCE_DIR}/src/packaging/header_page.awk)
file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/millrace/*.h)
foreach(header ${headers})
  get_filename_component(name ${header} NAME_WE)
  mr_page(millrace-${name}.3 man/man3 dev "${header};${script}"
          awk -v version=${PROJECT_VERSION} -v date=${MR_DATE} -f ${script} ${header})
endforeach()
add_custom_target(pages ALL DEPENDS ${made})

# ---- cpack -G DEB: millrace (the tool), libmillrace0, libmillrace-dev ----
set(CPACK_PACKAGE_NAME millrace)
set(CPACK_PACKAGE_CONTACT "The millrace authors <millrace@example.org>")
set(CPACK_PACKAGE_VENDOR millrace)
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL tool library dev)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}) # and not the directory that cpack is called in
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_CURRENT_BINARY_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_TOOL_PACKAGE_NAME millrace)
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libmillrace0)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libmillrace-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libmillrace0 (= ${PROJECT_VERSION}), zlib1g-dev, libarchive-dev")
set(CPACK_COMPONENT_TOOL_DESCRIPTION
"files and archives through load, process and store, in parallel
millrace takes a directory or an archive, does something to every file or
member, several at a time, and stores the results in a directory, an archive
or a stream: in order, in bounded memory, without unpacking to disk.")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
"thread pools, futures, bounded queues and pipelines
The library under millrace: executors with futures, bounded queues, and
pipelines of steps with a pool each or one pool for all. A shutdown loses no
result.")
set(CPACK_COMPONENT_DEV_DESCRIPTION
"thread pools, futures, bounded queues and pipelines - development
Headers, the archive, the manual and files for pkg-config and CMake of the
library under millrace.")

# What Debian's policy asks of every package.
set(MR_DEBIAN ${CMAKE_CURRENT_BINARY_DIR}/debian)
file(MAKE_DIRECTORY ${MR_DEBIAN})
configure_file(src/packaging/changelog.in ${MR_DEBIAN}/changelog @ONLY)
if(MR_GZIP)
  execute_process(COMMAND ${MR_GZIP} -9nkf ${MR_DEBIAN}/changelog)
  foreach(pair tool:millrace library:libmillrace0 dev:libmillrace-dev)
    string(REPLACE ":" ";" pair ${pair})
    list(GET pair 0 component)
    list(GET pair 1 package)
    install(FILES src/packaging/copyright ${MR_DEBIAN}/changelog.gz
            DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package} COMPONENT ${component})
  endforeach()
endif()
file(WRITE ${MR_DEBIAN}/triggers "activate-noawait ldconfig\n")
file(WRITE ${MR_DEBIAN}/shlibs "libmillrace 0 libmillrace0 (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${MR_DEBIAN}/triggers;${MR_DEBIAN}/shlibs")
include(CPack)
