# Man pages from the programs' help, and bash completion.
if(NOT CMAKE_CROSSCOMPILING)
    set(man ${CMAKE_CURRENT_BINARY_DIR}/man)
    add_dependencies(ulite_server ulite_program)
    file(MAKE_DIRECTORY ${man})
    add_custom_command(TARGET ulite_server POST_BUILD
        COMMAND ${CMAKE_COMMAND} -DULITE=$<TARGET_FILE:ulite_program> -DFOLDER=${man} -P ${CMAKE_CURRENT_SOURCE_DIR}/make_man.cmake VERBATIM)
    install(DIRECTORY ${man}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
install(PROGRAMS segment/UliteSegment DESTINATION ${CMAKE_INSTALL_DATADIR}/ulite/slicer)
install(FILES ulite.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ulite)
configure_file(${PROJECT_SOURCE_DIR}/scripts/systemd/ulite-node.service ulite-node.service @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ulite-node.service DESTINATION lib/systemd/system)
