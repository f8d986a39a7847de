# Read by cpack for each generator: a Debian package is for /usr and is packed as root's.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_PACKAGE_VERSION_DEBIAN ${CPACK_PACKAGE_VERSION}-1)
  set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
endif()
