# A room is one static library: its sources, its headers (each must compile alone), the rooms it
# may use, and third-party libraries that stay inside it.
#
#   tfm_room(NAME SOURCES a.c b.c HEADERS a.h b.h ROOMS tfm_base PRIVATE PkgConfig::x)
function(tfm_room name)
  cmake_parse_arguments(R "" "" "SOURCES;HEADERS;ROOMS;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${R_SOURCES})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${R_HEADERS})
  target_link_libraries(${name} PUBLIC ${R_ROOMS} PRIVATE ${R_PRIVATE} tfm_flags)
endfunction()
