# Target tfm_commit writes commit/tfm_commit.h of the build folder: TFM_COMMIT is what git calls the
# commit, with "+" where the tree differs from it, "" outside of a repository. The file changes only
# when the commit does, so that nothing else is built again. Link tfm_commit_header to include it.
#
# As a script: cmake -D TREE=... -D OUT=... -P TfmCommit.cmake
if(NOT CMAKE_SCRIPT_MODE_FILE)
  find_package(Git QUIET)
  set(commit_header ${PROJECT_BINARY_DIR}/commit/tfm_commit.h)
  add_custom_target(tfm_commit
    COMMAND ${CMAKE_COMMAND} -D TREE=${PROJECT_SOURCE_DIR} -D OUT=${commit_header}
      -D GIT=${GIT_EXECUTABLE} -P ${CMAKE_CURRENT_LIST_FILE}
    BYPRODUCTS ${commit_header}
    COMMENT "")
  add_library(tfm_commit_header INTERFACE)
  target_include_directories(tfm_commit_header INTERFACE ${PROJECT_BINARY_DIR}/commit)
  add_dependencies(tfm_commit_header tfm_commit)
  return()
endif()

set(id "")
if(GIT AND EXISTS ${TREE}/.git)
  execute_process(COMMAND ${GIT} -C ${TREE} describe --always --abbrev=12 --dirty=+ --exclude=*
    OUTPUT_VARIABLE id OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define TFM_COMMIT \"${id}\"\n")
