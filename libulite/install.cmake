# The shared library, and what `cmake --install` puts where: both libraries, the public headers, the CMake package
# and the pkg-config file.
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/shared.c CONTENT "/* The archive is the source. */\n")
add_library(ulite_shared SHARED ${CMAKE_CURRENT_BINARY_DIR}/shared.c)
target_link_libraries(ulite_shared PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,ulite> $<BUILD_INTERFACE:ulite_flags>)
add_library(ulite::ulite_shared ALIAS ulite_shared)
target_include_directories(ulite_shared INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(ulite_shared PROPERTIES OUTPUT_NAME ulite VERSION ${PROJECT_VERSION} SOVERSION ${ulite_soversion})

include(CMakePackageConfigHelpers)
configure_file(ulite-config.cmake.in ulite-config.cmake COPYONLY)
configure_file(ulite.pc.in ulite.pc @ONLY)
write_basic_package_version_file(ulite-config-version.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS ulite ulite_shared EXPORT ulite-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(EXPORT ulite-targets NAMESPACE ulite:: DESTINATION ${ulite_package})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ulite-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/ulite-config-version.cmake
    DESTINATION ${ulite_package})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ulite.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
