# ulite-imaging: volume, io and jobs as one library over ulite, static and shared. Both are made of one object, in which
# only what UL_API marks is left to link to: no other name can collide with a user's.
set(imaging_floors ulite_volume ulite_io ulite_jobs)
list(TRANSFORM imaging_floors REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE imaging_archives)
set(imaging_object ${CMAKE_CURRENT_BINARY_DIR}/imaging.o)
find_program(ULITE_LD NAMES ld.bfd ld REQUIRED) # of binutils, whatever the compiler links with
find_program(ULITE_OBJCOPY NAMES objcopy REQUIRED)
mark_as_advanced(ULITE_LD ULITE_OBJCOPY)
add_custom_command(OUTPUT ${imaging_object}
    COMMAND ${ULITE_LD} -r --force-group-allocation --whole-archive ${imaging_archives} -o ${imaging_object}
    COMMAND ${ULITE_OBJCOPY} --wildcard --keep-global-symbol=ul_* --localize-hidden ${imaging_object}
    DEPENDS ${imaging_floors} VERBATIM COMMENT "Linking ulite-imaging into one object")
add_custom_target(ulite_imaging_object DEPENDS ${imaging_object})

# By their names for the linker, so that a user needs no package of them to find ours.
set(imaging_libraries cmr dcmsr dcmjpls dcmjpeg dcmdata oflog ofstd ${imaging_cairo} cjson nettle png openjp2 nifti2 z stdc++ m)
function(ulite_imaging_library target kind export)
    add_library(${target} ${kind} ${imaging_object})
    add_library(ulite::${export} ALIAS ${target})
    add_dependencies(${target} ulite_imaging_object)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ulite-imaging LINKER_LANGUAGE CXX EXPORT_NAME ${export}
        VERSION ${PROJECT_VERSION} SOVERSION ${ulite_soversion} INSTALL_RPATH "$ORIGIN")
endfunction()
ulite_imaging_library(ulite_imaging STATIC imaging)
target_link_libraries(ulite_imaging PUBLIC ulite INTERFACE ${imaging_libraries})
ulite_imaging_library(ulite_imaging_shared SHARED imaging_shared)
target_link_libraries(ulite_imaging_shared PUBLIC ulite_shared PRIVATE ${imaging_libraries} $<BUILD_INTERFACE:ulite_flags>)

list(TRANSFORM imaging_libraries PREPEND -l OUTPUT_VARIABLE imaging_libraries_private)
list(JOIN imaging_libraries_private " " imaging_libraries_private)
configure_file(ulite-imaging.pc.in ulite-imaging.pc @ONLY)
install(TARGETS ulite_imaging ulite_imaging_shared EXPORT ulite-imaging-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT ulite-imaging-targets NAMESPACE ulite:: DESTINATION ${ulite_package})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ulite-imaging.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
