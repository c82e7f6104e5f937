# `cpack --config BUILD/CPackConfig.cmake` makes a Debian package of what `cmake --install` installs. It depends on what
# the programs and libraries are linked with; scripts/fresh.sh --package tries it in a new Debian.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ulite)
set(CPACK_PACKAGE_CONTACT "ulite maintainers <ulite@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_DESCRIPTION "Labels structures in DICOM series and NIfTI volumes with small convolutional networks,
 writes DICOM Segmentations, and trains such networks. Program, C libraries, Python package, models.")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/libulite)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON) # and with it ldconfig's trigger
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS python3-numpy)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libdcmtk-dev, libcjson-dev, libnifti2-dev, libopenjp2-7-dev, libpng-dev, nettle-dev, zlib1g-dev")
include(CPack)
