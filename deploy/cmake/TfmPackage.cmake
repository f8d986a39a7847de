# cpack -G TGZ and cpack -G DEB, in the build folder: the installed tree as a tarball, and a Debian package
# whose libraries are found by dpkg-shlibdeps.
set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME ${PROJECT_NAME})
set(CPACK_PACKAGE_VENDOR "tfm-cluster developers")
set(CPACK_PACKAGE_CONTACT "tfm-cluster developers <developers@tfm-cluster.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "pipeline-parallel transformer inference for CPUs over MPI")
set(CPACK_PACKAGE_DESCRIPTION
  "Scores rows of text with Hugging Face checkpoints as they are: one rank
reads and tokenizes, the layers of the model lie on the other ranks,
activations stream through them. Results are those of the reference
library, the same bits for any number of ranks, and every row is
accounted for.")
set(CPACK_STRIP_FILES ON)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_CHECKSUM SHA256)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS openmpi-bin)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libopenblas0) # opened when it is asked for, as libdnnl2 is
set(CPACK_DEBIAN_PACKAGE_SUGGESTS libdnnl2)
# Files of a Debian package that an installed tree has in another form.
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/deploy/cmake/TfmDebian.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/deploy/cmake/TfmDebianFiles.cmake)
include(CPack)
