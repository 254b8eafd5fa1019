# What "cmake --install" puts where beside the daemon and its manual, and the
# Debian package that "cpack -G DEB" makes of the same rules.

install(FILES README.md CHANGELOG.md docs/architecture.md docs/lan.md
	contrib/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(PROGRAMS contrib/systemd/reload
	DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/banterd)
install(FILES contrib/systemd/banterd.sysusers
	DESTINATION lib/sysusers.d RENAME banterd.conf)
install(FILES contrib/systemd/banterd.tmpfiles
	DESTINATION lib/tmpfiles.d RENAME banterd.conf)

# A daemon that was built without it keeps nothing, and would say so each time.
set(BANTERD_KEEP_OPTION "")
if(BANTERD_KEEP)
	set(BANTERD_KEEP_OPTION " -k")
endif()

# The store is a service of its own, with a user of its own.
if(BANTERD_STORE)
	install(FILES contrib/systemd/banter-store.sysusers
		DESTINATION lib/sysusers.d RENAME banter-store.conf)
	install(FILES contrib/systemd/banter-store.tmpfiles
		DESTINATION lib/tmpfiles.d RENAME banter-store.conf)
endif()

# What has paths in it, or goes under /etc, waits for the prefix of the moment
# of installation: it may be another one then (--prefix, cpack).
configure_file(cmake/install-system.cmake.in packaging/install-system.cmake
	@ONLY)
install(SCRIPT ${CMAKE_CURRENT_BINARY_DIR}/packaging/install-system.cmake)

set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT
	"banterd maintainers <maintainers@banterd.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
	"chat for the local network, with telnet or nc as its client")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"banterd makes a chat server of a box on the LAN. People reach it with what
their machines have already, \"telnet box 5531\" or \"nc box 5531\", and talk
at once: no client to install and no account to make. Rooms, private
messages, topics and a history are there; scripts can pipe lines into it.
.
The service runs as a user of its own in a tight systemd sandbox.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
	OWNER_READ OWNER_WRITE OWNER_EXECUTE
	GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# For the maintainer scripts: the user, and the directory to build a root in.
set(CPACK_DEBIAN_PACKAGE_DEPENDS
	"systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
	"avahi-daemon, logrotate, ufw | firewalld, telnet | netcat-openbsd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(file conffiles postinst postrm prerm)
	list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
		${CMAKE_CURRENT_SOURCE_DIR}/contrib/debian/${file})
endforeach()

# What Debian's policy asks of a package and nobody of an installation.
configure_file(cmake/debian-policy.cmake.in packaging/debian-policy.cmake
	@ONLY)
set(CPACK_PRE_BUILD_SCRIPTS
	${CMAKE_CURRENT_BINARY_DIR}/packaging/debian-policy.cmake)
include(CPack)
