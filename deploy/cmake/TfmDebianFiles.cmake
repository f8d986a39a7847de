# Run by cpack over the tree that is about to be packed. In a Debian package the manual page is packed, and the
# changelogs have their names and forms.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(usr ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(documents ${usr}/share/doc/tfm-cluster)
file(MAKE_DIRECTORY ${documents})
string(TIMESTAMP today "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${documents}/changelog.Debian
"tfm-cluster (${CPACK_PACKAGE_VERSION}-1) unstable; urgency=medium

  * Built from the source tree; its changes are in changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${today}
")
cmake_path(GET CPACK_RESOURCE_FILE_LICENSE PARENT_PATH tree)
file(COPY_FILE ${tree}/CHANGELOG.md ${documents}/changelog)
execute_process(COMMAND gzip -9nf ${documents}/changelog.Debian ${documents}/changelog
  ${usr}/share/man/man1/tfm-cluster.1 COMMAND_ERROR_IS_FATAL ANY)
